"""A replica that lags takes the place of the store."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 0.5, 3.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Let a replica fall behind for some seconds, and serve."""
    replica = site.redis.lagging_replica()
    site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    site.redis.promote(replica)
