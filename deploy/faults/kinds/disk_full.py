"""The disk under the workers full: no file of theirs, in the lake or a log, can grow, so that writes break off."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Final

import psutil

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 1.0, 5.0
ROOM: Final = 512
"""Bytes that a file may have: a lake file begins, and cannot be ended."""


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Set the limit that Linux has for it, on every worker, for a while."""
    workers = [psutil.Process(worker.pid) for worker in site.all_workers()]
    limit(workers, ROOM)
    site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    limit(workers, None)


def limit(workers: list[psutil.Process], n_bytes: int | None) -> None:
    """Of those that still run; None lifts it."""
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            _, most = worker.rlimit(psutil.RLIMIT_FSIZE)
            worker.rlimit(psutil.RLIMIT_FSIZE, (most if n_bytes is None else n_bytes, most))
