"""The topic deleted, once all of it was applied, and made anew: another log, which is adopted."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite

DEADLINE_S = 30.0


def inject(site: ProductionSite, chance: random.Random) -> None:
    """Delete it, make it, and adopt it after workers have seen it."""
    site.traffic.pause()
    site.settle()
    before = site.log()
    site.admin.delete_topics([site.topic])[site.topic].result(DEADLINE_S)
    site.until(site.remade, "the topic made anew")
    log = site.log()
    assert log != before
    site.traffic.resume(log)
    site.pass_time(chance.uniform(0.0, 2.0))
    site.adopt()
