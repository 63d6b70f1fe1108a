"""One account with half of all events, in every partition: two workers write its state side by side."""

from __future__ import annotations

import asyncio
import random

from tests.streams.engine_world import Worker, World, run
from tests.streams.shop import HOUR_US, START_US, Record, Sale, plan, records, view

N_EVENTS = 400
"""Of each of two partitions."""
BATCH = 20


def half_on_one(partition: int) -> list[Record]:
    """Every other sale is Ann's; the rest are of accounts that the partition has to itself."""
    chance = random.Random(partition)
    names = ["ann" if i % 2 else f"{partition}-{chance.randrange(30)}" for i in range(N_EVENTS)]
    return records(
        [Sale(name, START_US + i * HOUR_US // 60, float(i % 50), partition, i) for i, name in enumerate(names)]
    )


def test_a_busy_account_is_refused_alone_and_every_event_counts_once() -> None:
    """Only her writes meet another worker's, at most one of them a batch; nobody else is written twice."""
    world = World(plan("shop", view()), [half_on_one(0), half_on_one(1)])
    workers: list[Worker] = []

    async def tell(world: World) -> None:
        workers.extend(Worker(world) for _ in range(2))
        for _ in range(N_EVENTS // BATCH):
            await asyncio.gather(*(worker.step(partition, BATCH) for partition, worker in enumerate(workers)))
        for worker in workers:
            await worker.finish()

    run(world, tell)
    assert world.stored("spend") == world.folded("spend")
    refused, written = (
        sum(
            worker.metrics.registry.get_sample_value(f"millstream_worker_{name}", {"view": "spend"}) or 0
            for worker in workers
        )
        for name in ("conflicts_total", "states_written_total")
    )
    batches = 2 * N_EVENTS // BATCH
    touched = sum(
        len({record.value.partition(b",")[0] for record in partition[at : at + BATCH] if record.value})
        for partition in world.partitions
        for at in range(0, N_EVENTS, BATCH)
    )
    assert written == touched
    assert 0 < refused <= batches
