"""Between agents and engine: stale batches are dropped, errors are pauses, revocation confirms what it can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from features.errors import StoreUnavailableError
from streams.assignment import Assignment
from streams.batch import Batch, to_batch
from streams.intake import Intake
from streams.metrics import WorkerMetrics
from streams.pulse import Pulse
from tests.streams.shop import LOG, START_US, TOPIC, Sale, records
from tests.waiting import wait_until_async


class ScriptedEngine:
    """An engine that does as it is told."""

    def __init__(self) -> None:
        self.seen: list[Batch] = []
        self.error: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.flush_at: float | None = None
        self.flushed = self.marked = 0
        self.disk = asyncio.Event()
        self.disk.set()

    async def process(self, batch: Batch, check: Callable[[], None]) -> None:
        self.seen.append(batch)
        await self.go_on.wait()
        check()
        if self.error is not None:
            raise self.error

    async def flush(self, *, everything: bool = False) -> None:
        await asyncio.wait(self.begin_flush())
        await self.end_flush()

    def begin_flush(self) -> list[asyncio.Task[Any]]:
        self.flush_at = None
        self.flushed += 1
        return [asyncio.create_task(self.disk.wait())]

    async def end_flush(self) -> None:
        if self.error is not None:
            raise self.error
        self.marked += 1

    def next_flush_at(self) -> float | None:
        return self.flush_at


def intake_of(engine: ScriptedEngine) -> tuple[Intake, Assignment, WorkerMetrics]:
    lanes, metrics = Assignment(), WorkerMetrics()
    lanes.assign({(TOPIC, 0)})
    lanes.failure = None
    (lane,) = lanes.lanes.values()
    lane.begin(LOG, 0)
    lane.state = "running"
    return Intake(engine=engine, lanes=lanes, pulse=Pulse(lanes.is_idle), metrics=metrics), lanes, metrics  # type: ignore[arg-type]  # a fake


def batch_of(lanes: Assignment, first: int = 0) -> Batch:
    rows = records([Sale("a", START_US, 1.0, 0, first), Sale("a", START_US, 1.0, 0, first + 1)])
    return to_batch(rows, topic=TOPIC, log=LOG, partition=0, term=lanes.term)


async def test_a_batch_moves_its_lane() -> None:
    """Its next offset is applied once the engine is done with it."""
    engine = ScriptedEngine()
    intake, lanes, _ = intake_of(engine)
    lanes.take_up()
    await intake.take(batch_of(lanes))
    assert lanes.lanes[TOPIC, 0].applied == 2
    assert lanes.is_idle()


async def test_a_batch_of_an_older_term_is_dropped() -> None:
    """Also one that waited for its turn while the term ended, and one that the engine was busy with."""
    engine = ScriptedEngine()
    intake, lanes, metrics = intake_of(engine)
    stale = batch_of(lanes)
    lanes.restart()
    await intake.take(stale)
    assert engine.seen == []
    engine.go_on.clear()
    busy = asyncio.create_task(intake.take(batch_of(lanes)))
    queued = asyncio.create_task(intake.take(batch_of(lanes, 2)))
    await wait_until_async(lambda: engine.seen)
    term = lanes.term + 1
    lanes.restart()
    engine.go_on.set()
    await asyncio.gather(busy, queued)
    assert len(engine.seen) == 1
    assert lanes.term == term
    assert lanes.lanes[TOPIC, 0].applied == 0
    assert not next(iter(metrics.restarts.collect())).samples


async def test_an_error_pauses_every_lane_and_says_why() -> None:
    """A neighbour's failure or a bug alike: the term ends, and the error is what the worker is not ready for."""
    for error, neighbour in ((StoreUnavailableError("store", "gone"), "store"), (KeyError("x"), "KeyError")):
        engine = ScriptedEngine()
        intake, lanes, metrics = intake_of(engine)
        engine.error = error
        term = lanes.term
        await intake.take(batch_of(lanes))
        assert lanes.term == term + 1
        assert lanes.problems()[0] == str(error)
        assert metrics.restarts.labels(neighbour)._value.get() == 1


async def test_an_error_ends_the_term_though_it_cannot_be_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full is full for the log as well: what comes next is not taken for what follows."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("streams.intake.log", SimpleNamespace(warning=refuse, error=refuse))
    engine = ScriptedEngine()
    intake, lanes, _ = intake_of(engine)
    engine.error = OSError("no space left on device")
    following = batch_of(lanes, 2)
    with pytest.raises(OSError, match="no space"):
        await intake.take(batch_of(lanes))
    await intake.take(following)
    assert len(engine.seen) == 1


async def test_a_batch_behind_a_gap_is_not_applied() -> None:
    """If ever one is dropped on its way, the term ends and all is read again: states fence what they went past."""
    engine = ScriptedEngine()
    intake, lanes, _ = intake_of(engine)
    await intake.take(batch_of(lanes))
    term = lanes.term
    await intake.take(batch_of(lanes, 4))
    assert [batch.first_offset for batch in engine.seen] == [0]
    assert lanes.term == term + 1
    assert "4 came where 2 is next" in lanes.problems()[0]


async def test_what_is_due_is_flushed_by_itself() -> None:
    """Also when the next batch never comes; an error of it is a pause."""
    engine = ScriptedEngine()
    intake, lanes, _ = intake_of(engine)
    flusher = asyncio.create_task(intake.run_flusher())
    engine.flush_at = 0.0
    await intake.take(batch_of(lanes))
    await wait_until_async(lambda: engine.flushed == 1)
    assert lanes.problems() == []
    engine.error = OSError("disk full")
    engine.flush_at = 0.0
    await intake.take(batch_of(lanes, 2))
    await wait_until_async(lambda: lanes.problems()[:1] == ["disk full"])
    flusher.cancel()


async def test_batches_go_on_while_the_disk_is_waited_for() -> None:
    """What was written is marked once it is there, between two of them."""
    engine = ScriptedEngine()
    intake, lanes, _ = intake_of(engine)
    flusher = asyncio.create_task(intake.run_flusher())
    engine.flush_at = 0.0
    engine.disk.clear()
    await intake.take(batch_of(lanes))
    await wait_until_async(lambda: engine.flushed == 1)
    await intake.take(batch_of(lanes, 2))
    assert (len(engine.seen), engine.marked) == (2, 0)
    engine.disk.set()
    await wait_until_async(lambda: engine.marked == 1)
    flusher.cancel()


async def test_a_drain_is_bounded() -> None:
    """It waits for the batch under way and flushes; past the deadline, or where that fails, it lets go."""
    engine = ScriptedEngine()
    intake, lanes, _ = intake_of(engine)
    await intake.drain(1.0)
    assert engine.flushed == 1
    engine.go_on.clear()
    busy: asyncio.Task[Any] = asyncio.create_task(intake.take(batch_of(lanes)))
    await wait_until_async(lambda: engine.seen)
    await intake.drain(0.01)
    assert engine.flushed == 1
    engine.go_on.set()
    await busy
    engine.error = StoreUnavailableError("store", "gone")
    term = lanes.term
    await intake.drain(1.0)
    assert engine.flushed == 2
    assert lanes.term == term + 1, "what was forgotten is behind batches that wait"
