"""The network between workers and store cut, so that connections end, or hung, so that nothing arrives."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 0.1, 5.0
"""Some longer than the deadline of a call, some shorter: then what hung arrives."""


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Cut or hang for a while."""
    chance.choice([site.redis.proxy.cut, site.redis.proxy.hang])()
    site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    site.redis.proxy.mend()
