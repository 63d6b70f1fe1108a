"""A worker frozen (SIGSTOP) past its session, its partitions taken over, and woken."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 7.0, 11.0
"""The session is six seconds long."""


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Freeze one of any group."""
    sleeper = site.some_worker(chance)
    sleeper.pause()
    try:
        site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    finally:
        sleeper.resume()
