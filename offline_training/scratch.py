"""Folders for the time of one run, and the end of those that a killed run has left."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

PREFIX: Final = ".millstream-"
SUFFIX: Final = ".scratch"
"""A folder has its whole name only once its owner holds it."""


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that ends with the block; where the process is killed, with the next block in the same parent.

    Its owner holds a lock on it, which the system lets go of with the process. So none that is in use is removed, and
    none at all on a file system that cannot lock folders.
    """
    sweep_scratch(parent)
    folder = Path(mkdtemp(dir=parent.absolute(), prefix=PREFIX))
    owned = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(owned, fcntl.LOCK_EX)
        folder = folder.rename(f"{folder}{SUFFIX}")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owned)


def sweep_scratch(parent: Path) -> None:
    """Remove the folders of runs that are no more."""
    for folder in parent.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):  # in use, or not ours, or gone meanwhile
            found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(found)
