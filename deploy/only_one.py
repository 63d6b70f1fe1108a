"""One change of a domain's births, or erasure of an entity, at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.errors import UnavailableError
from features.plan_shelf import SHELF

LOCK_FILE = "births.lock"


@contextmanager
def only_one(state_dir: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold off every other roll-out, backfill and erasure of this state folder.

    While one is under way: UnavailableError, or with ``wait`` the process stands still until it has ended.
    """
    path = state_dir / SHELF / LOCK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            problem = "a roll-out, a backfill or an erasure of this domain is under way; wait for it"
            raise UnavailableError("births", problem) from None
        yield
