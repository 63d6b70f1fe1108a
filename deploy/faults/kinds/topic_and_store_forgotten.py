"""The topic made anew, and the store taken back to before that: what lies in between, the lake alone has."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 0.5, 3.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Forget both, then do what the worker asks for: adopt the topic, and make the states from the lake."""
    since = site.redis.log_tail()
    site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    site.remake_topic()
    site.adopt()
    site.redis.crash_and_forget(since)
    site.adopt()
    site.pass_time(chance.uniform(0.0, LONGEST_S))
    site.rebuild()
