"""Which faults happen, in which order: a seed decides, and no kind comes again before all others have come."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from deploy.faults.kinds import (
    broker_restarted,
    disk_full,
    group_deleted,
    lake_refused,
    network_cut,
    partitions_added,
    poison_burst,
    second_group,
    store_failed_over,
    store_flushed,
    store_forgets,
    store_full,
    topic_and_store_forgotten,
    topic_recreated,
    worker_joined,
    worker_killed,
    worker_left,
    worker_paused,
)
from deploy.faults.production_site import ProductionSite

Fault: TypeAlias = Callable[[ProductionSite, random.Random], None]

KINDS: Final[Mapping[str, Fault]] = {
    module.__name__.rpartition(".")[2]: module.inject
    for module in (
        broker_restarted,
        disk_full,
        group_deleted,
        lake_refused,
        network_cut,
        partitions_added,
        poison_burst,
        second_group,
        store_failed_over,
        store_flushed,
        store_forgets,
        store_full,
        topic_and_store_forgotten,
        topic_recreated,
        worker_joined,
        worker_killed,
        worker_left,
        worker_paused,
    )
}


def schedule(seed: int, n_faults: int) -> list[str]:
    """Names of kinds, in rounds: each round holds every kind once, in an order of its own."""
    chance = random.Random(f"schedule {seed}")  # noqa: S311 - no secret
    kinds: list[str] = []
    while len(kinds) < n_faults:
        kinds += chance.sample(sorted(KINDS), len(KINDS))
    return kinds[:n_faults]
