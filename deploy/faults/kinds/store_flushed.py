"""The store emptied under its workers, then made again from the lake."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

LONGEST_S = 2.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """FLUSHALL, and what the runbook says."""
    site.redis.call("FLUSHALL")
    site.pass_time(chance.uniform(0.0, LONGEST_S))
    site.certify()
