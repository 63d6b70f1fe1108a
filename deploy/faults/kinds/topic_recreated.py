"""The topic deleted, once all of it was applied, and made anew: another log, which is adopted."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

LONGEST_S = 2.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Let workers meet the new log before it is adopted."""
    site.remake_topic()
    site.pass_time(chance.uniform(0.0, LONGEST_S))
    site.adopt()
