"""Partitions added to the live topic, at times while no worker of the first group runs."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

MOST = 2
WITHOUT_WORKERS = 0.5


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Most accounts are sent to another partition afterwards."""
    stopped = list(site.workers) if chance.random() < WITHOUT_WORKERS else []
    for worker in stopped:
        worker.stop()
    site.add_partitions(chance.randint(1, MOST))
    for worker in stopped:
        worker.spawn()
