"""What changes when a file does, or another takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class FileStamp(NamedTuple):
    """Of one file at one moment. The time of its last change cannot be set by hand, as that of its content can."""

    file_system: int
    inode: int
    changed_ns: int
    modified_ns: int
    size: int


def stamp_of(path: Path) -> FileStamp:
    """The stamp of a file; OSError where there is none."""
    found = path.stat()
    return FileStamp(found.st_dev, found.st_ino, found.st_ctime_ns, found.st_mtime_ns, found.st_size)
