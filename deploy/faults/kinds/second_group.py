"""Another consumer group, of a plan with one view more, writes the same states; the next time it is put back."""

from __future__ import annotations

import random

from deploy.faults.production_site import ProductionSite


def inject(site: ProductionSite, chance: random.Random) -> None:  # noqa: ARG001 - every kind is called alike
    """Roll the wider plan out, or back."""
    if site.wider is None:
        site.add_wider_group()
    else:
        site.remove_wider_group()
