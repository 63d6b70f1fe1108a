"""Between agents and engine: one batch at a time, none from an older term, and every error a pause.

Two locks: ``lock`` is held while the engine works, ``flushing`` while rows are on their way to the lake. The disk is
waited for under the second alone, so batches go on meanwhile; who needs both takes the second first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from features.errors import MillstreamError, UnavailableError
from streams.assignment import Assignment
from streams.batch import Batch
from streams.engine import Engine
from streams.metrics import WorkerMetrics
from streams.pulse import Pulse

LOOK_S: Final = 0.1
"""How often a batch that waits for the lake looks whether its term has ended meanwhile."""

log: Final = structlog.get_logger(__name__)


class TermOverError(Exception):
    """The batch was fetched in a term that has ended: drop it, it will be read again."""


class GapError(Exception):
    """A batch does not begin where the one before it ended: one was dropped on its way, and its term did not end."""


class Intake:
    """Hands batches to the engine, and rows to the lake."""

    def __init__(self, *, engine: Engine, lanes: Assignment, pulse: Pulse, metrics: WorkerMetrics) -> None:
        self.engine = engine
        self.lock = asyncio.Lock()
        self.flushing = asyncio.Lock()
        self._lanes = lanes
        self._pulse = pulse
        self._metrics = metrics
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    @asynccontextmanager
    async def stillness(self) -> AsyncIterator[None]:
        """Neither a batch nor a flush is under way, and none begins."""
        async with self.flushing, self.lock:
            yield

    async def take(self, batch: Batch) -> None:
        """Process a batch, unless its term is over. Never raises what a pause can cure."""
        try:
            await self._room_at_the_lake(batch)
            async with self.lock:
                self._check(batch)
                self._check_follows(batch)
                await self.engine.process(batch, lambda: self._check(batch))
                self._applied(batch)
        except TermOverError:
            return
        except Exception as error:
            self.fail(error, batch.term)
        finally:
            self._lanes.put_down(len(batch.offsets), batch.term)
            self._arrived.set()

    async def run_flusher(self) -> None:
        """Write what waits for the lake when it is due, for ever."""
        while True:
            self._arrived.clear()
            due_at = self.engine.next_flush_at()
            if due_at is None or due_at > time.monotonic():
                await wait_for_event(self._arrived, None if due_at is None else due_at - time.monotonic())
            else:
                await self._flush()

    async def drain(self, deadline_s: float) -> None:
        """Confirm what is under way, within the deadline; what is not confirmed then is read again."""
        try:
            async with asyncio.timeout(deadline_s), self.stillness():
                await self.engine.flush(everything=True)
        except (MillstreamError, OSError, TimeoutError) as error:
            log.info("not all was confirmed before the partitions went", error=str(error))

    def fail(self, error: BaseException, term: int) -> None:
        """End the term that this error happened in: first of all, for whatever comes after may fail as well."""
        if term != self._lanes.term:
            return
        self._lanes.fail(str(error) or repr(error))
        neighbour = error.neighbour if isinstance(error, UnavailableError) else type(error).__name__
        self._metrics.restarts.labels(neighbour).inc()
        if isinstance(error, (MillstreamError, OSError)):
            log.warning("paused", error=str(error))
        else:
            log.error("paused by an error that should not be", exc_info=error)

    async def _flush(self) -> None:
        """Write what is due, batches going on meanwhile; of a term that has ended since, nothing is marked."""
        async with self.flushing:
            async with self.lock:
                term = self._lanes.term
                taken = self.engine.take_rows()
            self._taken.set()
            try:
                await self.engine.write_rows(taken)
                async with self.lock:
                    if self._lanes.term == term:
                        await self.engine.mark(taken)
            except Exception as error:
                self.fail(error, term)

    async def _room_at_the_lake(self, batch: Batch) -> None:
        """Wait while the lake is too far behind: rows in memory are bounded."""
        while self.engine.is_full and batch.term == self._lanes.term:
            self._taken.clear()
            self._arrived.set()
            await wait_for_event(self._taken, LOOK_S)

    def _check(self, batch: Batch) -> None:
        if batch.term != self._lanes.term:
            raise TermOverError

    def _check_follows(self, batch: Batch) -> None:
        """States that went on over a gap would fence what lies in it for ever."""
        lane = self._lanes.lanes.get((batch.topic, batch.partition))
        if lane is not None and lane.applied != batch.first_offset:
            raise GapError(f"{batch.topic}/{batch.partition}: {batch.first_offset} came where {lane.applied} is next")

    def _applied(self, batch: Batch) -> None:
        lane = self._lanes.lanes.get((batch.topic, batch.partition))
        if lane is not None and batch.term == self._lanes.term:
            lane.applied = batch.next_offset
            self._pulse.moved()


async def wait_for_event(event: asyncio.Event, timeout_s: float | None) -> None:
    """Return once it is set, or the time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
