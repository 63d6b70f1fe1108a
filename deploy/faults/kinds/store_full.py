"""The store out of memory: it answers, and takes nothing."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 1.0, 5.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Let it hold no more than it holds."""
    site.redis.call("CONFIG", "SET", "maxmemory", max(1, int(site.redis.info()["used_memory"]) // 2))
    try:
        site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    finally:
        site.redis.call("CONFIG", "SET", "maxmemory", 0)
