"""The store killed and started again without the last seconds of what it was told."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 1.0, 4.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Cut its append-only file back to where it ended some seconds before."""
    since = site.redis.log_tail()
    site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    site.redis.crash_and_forget(since)
