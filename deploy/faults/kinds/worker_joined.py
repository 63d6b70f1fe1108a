"""A worker joins under load; where there are as many as may be, one is told to end first."""

from __future__ import annotations

import random

from deploy.faults.production_site import MOST, ProductionSite


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Add one."""
    if len(site.workers) == MOST:
        site.remove_worker(chance)
    site.add_worker()
