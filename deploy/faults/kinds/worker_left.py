"""A worker leaves under load (SIGTERM); where there are as few as may be, one joins behind it."""

from __future__ import annotations

import random

from deploy.faults.production_site import FEWEST, ProductionSite


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Tell one to end."""
    site.remove_worker(chance)
    if len(site.workers) < FEWEST:
        site.add_worker()
