"""Nothing but bad records for a while, beside the one per cent that there always is."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

FEWEST, MOST = 200, 2_000


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Poison the next ones."""
    site.traffic.poison(chance.randrange(FEWEST, MOST))
