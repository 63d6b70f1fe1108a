"""Erasure's law: whatever happens, a forgotten entity's state is the fold of the events that came afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.agreement import agree_on_erasures
from features.entity_eraser import delete_forgotten
from features.erasure import Erasure, hash_entity
from features.errors import ErasureMissedError, StoreUnavailableError
from features.memory_store import MemoryStore
from features.nouns import SCORES_TOPIC
from tests.streams.engine_world import KEY, Worker, World, run
from tests.streams.shop import LOG, START_US, TOPIC, Record, Sale, plan, records, view
from tests.streams.test_engine_laws import PLANS, follow, partitions, step

LAWS = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])


async def forget(world: World, account: str, later: int, pause: int) -> None:
    """Forget an account, as of the records that exist by now: those that were handed out, and some more.

    Between the steps others have ``pause`` turns.
    """
    number = len(world.lake.recorded)
    ends: dict[str, dict[str, dict[int, int]]] = {}
    for (topic, log, partition), end in zip(world.places, world.handed_out, strict=True):
        ends.setdefault(topic, {}).setdefault(log, {})[partition] = end + later
    erasure = Erasure(
        id=f"e{number}",
        keys=("account",),
        hash=hash_entity(KEY, {"account": account}),
        at_us=number,
        ends=ends,
    )
    await turns(pause)
    world.lake.record_erasures([erasure])
    await turns(pause)
    while True:
        try:
            return await carry_out(world, erasure, pause)
        except StoreUnavailableError:
            continue


async def turns(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


async def carry_out(world: World, erasure: Erasure, pause: int) -> None:
    store = MemoryStore(world.shards)
    await store.connect()
    await store.raise_erasure(erasure)
    await turns(pause)
    erasures = await agree_on_erasures(store, world.lake, world.plan)
    await delete_forgotten(store, world.plan.project, erasures)
    complete = msgspec.structs.replace(erasure, ends={**erasure.ends, SCORES_TOPIC: {LOG: {0: 1}}})
    world.lake.record_erasures([complete])
    await store.raise_erasure(complete)


@pytest.mark.faults
@pytest.mark.parametrize("fed_by", PLANS)
@given(
    partitions(),
    st.lists(
        st.tuples(
            st.lists(step, min_size=1, max_size=8),
            st.lists(step, max_size=8),
            st.sampled_from(["ann", "bob"]),
            st.integers(0, 2),
            st.integers(0, 40),
        ),
        min_size=1,
        max_size=2,
    ),
    st.sampled_from([0, 3_600_000]),
    st.integers(1, 2),
)
@LAWS
def test_whatever_happens_what_is_forgotten_stays_so(
    fed_by: str, records_of: list[list[Record]], story: list[Any], flush_ms: int, n_shards: int
) -> None:
    """Workers that lag, die, are cut off or know nothing yet, and stores that forget the deletion itself."""
    world = World(PLANS[fed_by], records_of, n_shards=n_shards)

    async def tell(world: World) -> None:
        workers = [Worker(world, flush_ms=flush_ms), Worker(world, flush_ms=flush_ms, cache_bytes=6_000)]
        for before, meanwhile, account, *how in story:
            await follow(world, workers, before, flush_ms)
            await asyncio.gather(follow(world, workers, meanwhile, flush_ms), forget(world, account, *how))
        for worker in workers:
            worker.standing = {}
            await worker.finish()

    run(world, tell)
    for each in world.plan.views:
        if each.keys == view().keys:
            assert world.stored(each.name) == world.folded(each.name)


def test_a_writer_that_knows_nothing_of_an_erasure_is_refused() -> None:
    """Neither its states nor its progress are taken, until it has begun anew."""
    sales = [Sale("ann", START_US + i, float(i), 0, i) for i in range(20)]
    world = World(plan("shop", view()), [records(sales)])

    async def tell(world: World) -> None:
        worker = Worker(world, flush_ms=3_600_000)
        await worker.step(0, 10)
        assert len(world.stored("spend")) == 1
        await forget(world, "ann", 0, 0)
        assert world.stored("spend") == {}
        batch = world.batch(0, 10, 5)
        assert batch is not None
        with pytest.raises(ErasureMissedError):
            await worker.engine.process(batch, lambda: None)
        assert world.stored("spend") == {}
        worker.standing = {}
        await worker.step(0, 10)
        await worker.finish()

    run(world, tell)
    assert world.stored("spend") == world.folded("spend")
    assert len(world.stored("spend")) == 1


@pytest.mark.parametrize("ignorant", [0, 5])
def test_events_behind_the_ends_count_whoever_applied_them(ignorant: int) -> None:
    """Those that ignorant writers added are read again; nobody goes on from a state that is to be deleted."""
    sales = [Sale("ann", START_US + i, float(i), 0, i) for i in range(20)]
    world = World(plan("shop", view()), [records(sales)])

    async def tell(world: World) -> None:
        worker = Worker(world)
        await worker.step(0, 10)
        ends = {TOPIC: {LOG: {0: 10}}}
        erasure = Erasure(id="e", keys=("account",), hash=hash_entity(KEY, {"account": "ann"}), at_us=1, ends=ends)
        if ignorant:
            await worker.step(0, ignorant)
        world.lake.record_erasures([erasure])
        store = MemoryStore(world.shards)
        await store.connect()
        await store.raise_erasure(erasure)
        await worker.begin()
        assert worker.standing == {0: 10}
        await worker.step(0, 7)
        await carry_out(world, erasure, pause=0)
        await worker.finish()

    run(world, tell)
    assert len(world.stored("spend")) == 1
    assert world.stored("spend") == world.folded("spend")
