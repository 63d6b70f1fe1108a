"""kill -9 of a worker: sometimes it is started again at once, sometimes its partitions are taken over first."""

from __future__ import annotations

import random
import time

from deploy.faults.production_site import ProductionSite

LONGEST_S = 8.0
"""Longer than a session, so that the group hears of it."""


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Kill one of any group."""
    victim = site.some_worker(chance)
    victim.kill()
    time.sleep(chance.choice([0.0, chance.uniform(0.0, LONGEST_S)]))
    victim.spawn()
