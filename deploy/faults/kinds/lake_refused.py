"""The lake cannot be written: what should be its folder is none."""

from __future__ import annotations

import random
from pathlib import Path

from deploy.faults.production_site import ProductionSite

SHORTEST_S, LONGEST_S = 1.0, 5.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Put a file in the place of its folder for a while."""
    lake = Path(site.lake_url)
    aside = lake.with_name("lake aside")
    lake.rename(aside)
    lake.write_text("no folder")
    try:
        site.pass_time(chance.uniform(SHORTEST_S, LONGEST_S))
    finally:
        lake.unlink()
        aside.rename(lake)
