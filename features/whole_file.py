"""Files that a reader finds as a whole, before or after."""

from __future__ import annotations

from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write beside and rename; the folder is made. Whoever reads meanwhile, or is killed, has one or the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.tmp")
    fresh.write_bytes(content)
    fresh.replace(path)
