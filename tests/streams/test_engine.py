"""What the engine promises beyond its law: the order of confirmations, when files are written, what is counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from features.errors import StoreUnavailableError
from features.memory_store import MemoryStore
from features.plan import ColumnPlan, Plan, SourcePlan
from features.settings import TracingSettings
from features.store import StateWrite
from features.tracing import HEADER, new_trace, open_tracer, trace_of_position
from streams import engine as engine_module
from streams.batch import REDRIVE_HEADER
from streams.batch_traces import BatchTraces
from streams.intake import TermOverError
from tests.collector import Collector
from tests.streams.engine_world import Worker, World
from tests.streams.shop import HOUR_US, LOG, SOURCE, START_US, Record, Sale, birth_id, plan, records, value, view
from tests.waiting import wait_until_async

SPEND = view()


def sales(n: int, account: str | None = None) -> list[Record]:
    return records([Sale(account or f"a{i % 7}", START_US + i * HOUR_US, i / 4, 0, i) for i in range(n)])


async def world_of(*partitions: Sequence[Record], **how: Any) -> World:
    world = World(plan("shop", how.get("view", SPEND)), partitions)
    await world.certify()
    return world


async def test_rows_of_a_failed_batch_never_count_as_flushed() -> None:
    """A batch whose states were not confirmed leaves no progress behind, whatever is flushed afterwards."""
    world = await world_of(sales(10))
    worker = Worker(world, flush_ms=3_600_000)
    await worker.begin()
    await worker.step(0, 2)
    marked = world.shards.progress()
    batch = world.batch(0, 2, 8)
    assert batch is not None
    worker.store.cut_after(1)
    with pytest.raises(StoreUnavailableError):
        await worker.engine.process(batch, lambda: None)
    await worker.store.connect()
    await worker.engine.flush(everything=True)
    assert world.shards.progress() == marked == {(birth_id(view().name), LOG, 0): 2}
    assert worker.engine.next_flush_at() is None


async def test_a_term_that_ends_in_mid_batch_leaves_no_progress() -> None:
    """What was confirmed of it stays in the states; the mark stays where it was."""
    world = await world_of(sales(10))
    worker = Worker(world, chunk_entities=2)
    await worker.begin()
    left = [2]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise TermOverError

    batch = world.batch(0, 0, 10)
    assert batch is not None
    with pytest.raises(TermOverError):
        await worker.engine.process(batch, check)
    assert world.shards.progress() == {}
    assert 0 < len(world.stored("spend")) < 7


async def test_a_write_that_conflicts_again_and_again_holds_in_the_end() -> None:
    """Another writer comes first three times over; then the batch is in, and nothing of the other's is lost."""
    world = await world_of(sales(5, "ann"), records([Sale("ann", START_US, 1.0, 1, i) for i in range(3)]))
    worker, other = Worker(world), Worker(world)
    await other.begin()
    interfering = [lambda: other.step(1, 1)] * 3

    class Contended(MemoryStore):
        async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
            if interfering:
                await interfering.pop()()
            return await super().write_states(view, birth, writes)

    worker.store = Contended(world.shards)
    worker.engine._feeds["sales"].writers[0]._store = worker.store
    worker.engine._store = worker.store
    await worker.begin()
    await worker.step(0, 5)
    assert world.stored("spend") == world.folded("spend")
    assert worker.metrics.conflicts.labels("spend")._value.get() == 3


async def test_the_first_batch_is_flushed_at_once_and_the_next_when_its_time_comes() -> None:
    """No wait where none is needed; then one file for all that comes within the interval."""
    world = await world_of(sales(9))
    worker = Worker(world, flush_ms=60)
    await worker.begin()
    await worker.step(0, 3)
    assert len(world.lake.rows) == 3
    await worker.step(0, 3)
    await worker.step(0, 3)
    assert len(world.lake.rows) == 3
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 3}
    due_at = worker.engine.next_flush_at()
    assert due_at is not None
    await worker.engine.flush()
    assert len(world.lake.rows) == 3
    await wait_until_async(lambda: time.monotonic() >= due_at)
    await worker.engine.flush()
    assert len(world.lake.rows) == 9
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 9}
    assert worker.engine.next_flush_at() is None


async def test_batches_go_on_while_the_lake_is_written() -> None:
    """Progress is marked behind what has arrived there, and no further."""
    world = await world_of(sales(9))
    worker = Worker(world, flush_ms=1)
    await worker.begin()
    await worker.step(0, 3)
    await worker.step(0, 3)
    world.lake.disk.clear()
    written = await begun(worker)
    await worker.step(0, 3)
    assert world.stored("spend") == world.folded("spend")
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 3}
    world.lake.disk.set()
    await asyncio.wait(written)
    await worker.engine.end_flush()
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 6}


async def test_a_term_begins_once_the_rows_of_the_one_before_have_arrived() -> None:
    """They count for nothing, but could bring back into the lake what is being erased there."""
    world = await world_of(sales(9))
    worker = Worker(world, flush_ms=1)
    await worker.begin()
    await worker.step(0, 3)
    await worker.step(0, 3)
    world.lake.disk.clear()
    await begun(worker)
    beginning = asyncio.create_task(worker.begin())
    await wait_until_async(lambda: worker.engine.next_flush_at() is None)
    assert not beginning.done()
    world.lake.disk.set()
    await beginning
    await worker.engine.end_flush()
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 3}


async def test_a_batch_that_fills_a_file_waits_for_the_one_before() -> None:
    """So what waits in memory for a slow lake is bounded."""
    world = await world_of(sales(9))
    worker = Worker(world, flush_ms=1, flush_rows=3)
    await worker.begin()
    await worker.step(0, 1)
    await worker.step(0, 1)
    world.lake.disk.clear()
    await begun(worker)
    await worker.step(0, 2)
    filling = asyncio.create_task(worker.step(0, 3))
    await wait_until_async(lambda: worker.engine.next_flush_at() == float("-inf"))
    assert not filling.done()
    world.lake.disk.set()
    await filling
    assert world.shards.progress() == {(birth_id(view().name), LOG, 0): 7}


async def test_what_waits_in_memory_is_bounded_over_all_partitions() -> None:
    """Behind a slow lake many partitions with a row each would fill it too."""
    world = World(plan("shop", SPEND), [sales(2) for _ in range(12)])
    await world.certify()
    worker = Worker(world, flush_ms=3_600_000, flush_rows=2)
    await worker.begin()
    for _ in range(2):
        for partition in range(12):
            await worker.step(partition, 1)
    assert 12 < sum(world.shards.progress().values()) < 24


async def test_a_partition_that_cannot_be_written_keeps_no_other_from_it() -> None:
    """Each term the others get somewhere."""
    world = World(plan("shop", SPEND), [sales(6), sales(6)])
    await world.certify()
    worker = Worker(world, flush_ms=3_600_000)
    await worker.begin()
    for n in (1, 2):
        for partition in (0, 1):
            await worker.step(partition, n)
    world.lake.refused = {0}
    with pytest.raises(OSError, match="the lake is down"):
        await worker.engine.flush(everything=True)
    birth = birth_id(view().name)
    assert world.shards.progress() == {(birth, LOG, 0): 1, (birth, LOG, 1): 3}


async def begun(worker: Worker) -> list[asyncio.Task[None]]:
    """The flush of a worker that has rows which are due, soon if not yet."""
    due_at = worker.engine.next_flush_at()
    assert due_at is not None
    await wait_until_async(lambda: time.monotonic() >= due_at)
    written = worker.engine.begin_flush()
    assert written
    return written


async def test_a_lake_that_refuses_leaves_the_mark_where_it_was() -> None:
    """States may be ahead of progress, never behind it."""
    world = await world_of(sales(4))
    worker = Worker(world)
    await worker.begin()
    world.lake.down = True
    batch = world.batch(0, 0, 4)
    assert batch is not None
    with pytest.raises(OSError, match="the lake is down"):
        await worker.engine.process(batch, lambda: None)
    assert world.shards.progress() == {}
    assert world.stored("spend") == world.folded("spend")


async def test_dead_letters_are_rows_and_are_announced_before_the_mark() -> None:
    """A crash between the two announces again rather than never."""
    bad = [record._replace(value=b"{") if record.offset == 2 else record for record in sales(5)]
    world = await world_of(bad)
    worker = Worker(world)
    await worker.begin()
    marks = []

    async def announce(letters: Sequence[Any]) -> None:
        marks.append((world.shards.progress(), letters))

    worker.engine._announce = announce
    await worker.step(0, 5)
    ((progress, (letter,)),) = marks
    assert progress == {}
    assert (letter.offset, letter.value, letter.reason.partition(":")[0]) == (2, b"{", "not_decodable")
    assert world.lake.rows[LOG, 0, 2] == b"{"
    assert worker.metrics.dead_letters.labels("sales", "not_decodable")._value.get() == 1


async def test_a_re_driven_record_names_the_one_that_it_repeats() -> None:
    """The header ends up in the lake."""
    repeated = sales(3)
    repeated[1] = repeated[1]._replace(headers=((REDRIVE_HEADER, b"log/0/7"), ("other", b"x")))
    world = await world_of(repeated)
    worker = Worker(world)
    await worker.step(0, 3)
    assert world.lake.redrives == {(LOG, 0, 1): "log/0/7"}


async def test_late_events_and_fenced_ones_are_counted() -> None:
    """Too late is what lies before every window of its entity's newest event."""
    late = [Sale("ann", START_US, 1.0, 0, 0), Sale("ann", START_US - 30 * HOUR_US, 1.0, 0, 1)]
    world = await world_of(records(late), view=view(ever=False))
    worker = Worker(world)
    await worker.step(0, 2)
    assert worker.metrics.too_late.labels("spend")._value.get() == 1
    worker.standing[0] = 0
    await worker.step(0, 2)
    assert worker.metrics.fenced.labels("spend")._value.get() == 2
    assert worker.metrics.states_written.labels("spend")._value.get() == 1


async def test_what_conflicts_is_counted_once() -> None:
    """A write that does not hold has counted nothing: its events are counted by the one that does."""
    late = records([Sale("ann", START_US - 30 * HOUR_US, 1.0, 0, i) for i in range(4)])
    world = await world_of(late, records([Sale("ann", START_US, 1.0, 1, i) for i in range(2)]), view=view(ever=False))
    worker, other = Worker(world), Worker(world)
    for one in (worker, other):
        await one.step(1, 1)
    await other.step(1, 1)
    await worker.step(0, 4)
    assert worker.metrics.conflicts.labels("spend")._value.get() == 1
    assert worker.metrics.too_late.labels("spend")._value.get() == 4
    assert worker.metrics.fenced.labels("spend")._value.get() == 0


async def test_an_entity_without_a_usable_key_does_not_hurt_the_others() -> None:
    """An event whose join key is null is counted; the other events go in."""
    source = SourcePlan(
        topic=SOURCE.topic,
        timestamp_column=SOURCE.timestamp_column,
        max_ahead_us=SOURCE.max_ahead_us,
        columns=(ColumnPlan(name="account", type="string", nullable=True), *SOURCE.columns[1:]),
    )
    nulls = [*sales(2), Record(2, sales(1)[0].timestamp, value("x", START_US, 1.0).replace(b'"x"', b"null"))]
    world = World(
        Plan(project="shop", sources=(source,), views=(SPEND,), request_features=(), services=(), transforms_sha256=""),
        [nulls],
    )
    await world.certify()
    worker = Worker(world)
    await worker.step(0, 3)
    assert len(world.stored("spend")) == 2
    assert len(world.lake.rows) == 3
    assert worker.metrics.keyless.labels("spend")._value.get() == 1


async def test_a_long_batch_is_decoded_in_parts_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part begins does not show, in states nor in reasons."""
    monkeypatch.setattr(engine_module, "DECODE_ROWS", 4)
    bad = [record._replace(value=None) if record.offset in {0, 5, 8} else record for record in sales(11)]
    world = await world_of(bad)
    worker = Worker(world)
    await worker.step(0, 11)
    assert world.stored("spend") == world.folded("spend")
    assert [letter.offset for letter in worker.letters] == [0, 5, 8]


async def test_two_views_of_a_topic_are_both_written() -> None:
    """Each with its own key space in the entity's hash, from one decoding."""
    other = view("again", "00000000000000aa", ever=False)
    world = World(plan("shop", SPEND, other), [sales(6)])
    await world.certify()
    worker = Worker(world)
    await worker.step(0, 6)
    for name in ("spend", "again"):
        assert len(world.stored(name)) == 6
        assert world.stored(name) == world.folded(name)


async def test_batches_are_traced_once_their_states_are_confirmed() -> None:
    """Those that have events of traced producers, and none that failed; a batch that is read again is told then."""
    parent = new_trace()
    sold = sales(4)
    sold[3] = sold[3]._replace(headers=((HEADER, str(parent).encode()),))
    world = await world_of(sold)
    with Collector() as collector:
        tracer = open_tracer(TracingSettings(endpoint=collector.url), "worker")
        assert tracer is not None
        worker = Worker(world, traces=BatchTraces(tracer))
        await worker.begin()
        await worker.step(0, 2)
        worker.store.cut_after(0)
        await worker.step(0, 2)
        await worker.step(0, 2)
        tracer.close()
    spans = {span.name: span for span in collector.spans}
    assert len(collector.spans) == len(spans) == 3
    (whole,) = (span for name, span in spans.items() if name.startswith("process "))
    (event,) = (span for name, span in spans.items() if name.startswith("event "))
    assert (whole.links, whole.attributes["millstream.first_offset"]) == ([parent], 2)
    assert event.at == trace_of_position(LOG, 0, 3)
    assert 0 < whole.ended_ns - whole.began_ns < 60_000_000_000
