"""The engine's law: whatever happens, each state is the fold of the records, and the lake holds each record once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.intake import TermOverError
from tests.streams.engine_world import Worker, World, run
from tests.streams.shop import HOUR_US, START_US, Record, Sale, plan, plan_of_two_topics, records, view

LAWS = settings(max_examples=70, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def partitions(draw: st.DrawFn, n: int = 2) -> list[list[Record]]:
    """Records of few accounts over some partitions, some of them bad."""
    sold = st.tuples(
        st.sampled_from(["ann", "bob", "cyd", "dan", "eve"]),
        st.integers(0, 60).map(lambda step: START_US + step * HOUR_US // 7),
        st.one_of(st.none(), st.integers(-500, 500).map(lambda cents: cents / 100)),
    )
    out = []
    for partition in range(n):
        sales = draw(st.lists(sold, min_size=6, max_size=25))
        good = records([Sale(*sale, partition, offset) for offset, sale in enumerate(sales)])
        bad = draw(st.sets(st.integers(0, 24), max_size=3))
        out.append([record._replace(value=b"{") if record.offset in bad else record for record in good])
    return out


step = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 1), st.integers(0, 1), st.integers(1, 12)),
    st.tuples(st.just("both"), st.integers(0, 1), st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.just("begin"), st.integers(0, 1)),
    st.tuples(st.just("cut"), st.integers(0, 1), st.integers(0, 6)),
    st.tuples(st.just("forget"), st.integers(0, 1), st.integers(1, 8)),
    st.tuples(st.just("interrupt"), st.integers(0, 1), st.integers(0, 1), st.integers(1, 12), st.integers(0, 3)),
    st.tuples(st.just("kill"), st.integers(0, 1)),
    st.tuples(st.just("flush"), st.integers(0, 1)),
    st.tuples(st.just("begin to flush"), st.integers(0, 1)),
)
steps = st.lists(step, min_size=6, max_size=30)


async def follow(
    world: World, workers: list[Worker], story: list[Any], flush_ms: int, *, coalesces: bool = False
) -> None:
    """Let it happen."""
    for event, *how in story:
        worker = workers[how[0]]
        match event:
            case "step":
                await worker.step(how[1], how[2])
            case "both":  # two writers of the same partition, interleaved
                await asyncio.gather(workers[0].step(how[0], how[1]), workers[1].step(how[0], how[2]))
            case "begin":
                await worker.begin()
            case "cut":
                worker.store.cut_after(how[1])
            case "forget":
                shard = world.shards.shards[how[0] % len(world.shards.shards)]
                # what the certificate took to write is older than what a store may forget
                world.shards.forget(
                    how[0] % len(world.shards.shards), max(0, min(how[1], shard.n_writes - world.n_certified))
                )
            case "interrupt":
                try:
                    await worker.step(how[1], how[2], ends_after(how[3]))
                except TermOverError:
                    worker.standing = {}
            case "kill":
                workers[how[0]] = Worker(
                    world, flush_ms=flush_ms, cache_bytes=4_000, chunk_entities=2, coalesces=coalesces
                )
            case "begin to flush":  # what comes next goes on beside it
                worker.engine.begin_flush(everything=True)
            case "flush" if worker.standing:
                try:
                    await worker.engine.flush(everything=True)
                except Exception:
                    worker.standing = {}


def ends_after(n_checks: int) -> Any:
    """A term that is over after so many chunks."""
    left = [n_checks]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise TermOverError

    return check


PLANS = {"one topic": plan("shop", view()), "two topics": plan_of_two_topics(view())}


@pytest.mark.faults
@pytest.mark.parametrize("fed_by", PLANS)
@given(partitions(), steps, st.sampled_from([0, 3_600_000]), st.integers(1, 2), st.booleans())
@LAWS
def test_whatever_happens_every_event_counts_once(
    fed_by: str, records_of: list[list[Record]], story: list[Any], flush_ms: int, n_shards: int, coalesces: bool
) -> None:
    """Any split, two writers, lost connections, forgetful stores, kills: the same bits as one event at a time.

    Feast's fields are those of the states, also where workers coalesce them.
    """
    world = World(PLANS[fed_by], records_of, n_shards=n_shards)

    async def tell(world: World) -> None:
        workers = [
            Worker(world, flush_ms=flush_ms, coalesces=coalesces),
            Worker(world, flush_ms=flush_ms, cache_bytes=6_000, coalesces=coalesces),
        ]
        await follow(world, workers, story, flush_ms, coalesces=coalesces)
        for worker in workers:
            worker.standing = {}
            await worker.finish()

    run(world, tell)
    for each in world.plan.views:
        assert world.stored(each.name) == world.folded(each.name)
        assert world.shown(each.name) == world.to_be_shown(each.name)
    assert world.lake.rows == {
        (*place[1:], record.offset): record.value
        for place, records in zip(world.places, records_of, strict=True)
        for record in records
    }
