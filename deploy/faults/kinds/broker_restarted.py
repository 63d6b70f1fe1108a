"""The broker killed, and started again with its log."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

LONGEST_S = 3.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Take it away for a while."""
    site.kafka.kill()
    site.pass_time(chance.uniform(0.0, LONGEST_S))
    site.kafka.start()
