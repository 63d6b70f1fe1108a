"""Files that a reader finds as a whole, before or after."""

from __future__ import annotations

import os
from pathlib import Path
from threading import get_ident


def replace_file(path: Path, content: bytes) -> None:
    """Write beside and rename; the folder is made. Whoever reads meanwhile, or is killed, has one or the other.

    Of several who do so at a time the last one's stays, as each writes beside under a name of its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
