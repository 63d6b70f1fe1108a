"""Which core runs what: servers on one, what is measured alone on the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def cores() -> tuple[int, int]:
    """A core for the servers and one for the worker; the same one where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run, and let children run, on one core; where the system cannot pin, anywhere."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
