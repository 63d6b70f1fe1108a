"""Between agents and engine: one batch at a time, none from an older term, and every error a pause."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from features.errors import MillstreamError, UnavailableError
from streams.assignment import Assignment
from streams.batch import Batch
from streams.engine import Engine
from streams.metrics import WorkerMetrics
from streams.pulse import Pulse

log: Final = structlog.get_logger(__name__)


class TermOverError(Exception):
    """The batch was fetched in a term that has ended: drop it, it will be read again."""


class GapError(Exception):
    """A batch does not begin where the one before it ended: one was dropped on its way, and its term did not end."""


class Intake:
    """Hands batches to the engine. Its lock is held while the engine works or is being made ready."""

    def __init__(self, *, engine: Engine, lanes: Assignment, pulse: Pulse, metrics: WorkerMetrics) -> None:
        self.engine = engine
        self.lock = asyncio.Lock()
        self._lanes = lanes
        self._pulse = pulse
        self._metrics = metrics
        self._arrived = asyncio.Event()

    async def take(self, batch: Batch) -> None:
        """Process a batch, unless its term is over. Never raises what a pause can cure."""
        try:
            async with self.lock:
                self._check(batch)
                self._check_follows(batch)
                await self.engine.process(batch, lambda: self._check(batch))
                self._applied(batch)
        except TermOverError:
            return
        except Exception as error:
            self.fail(error, batch.term)
        except BaseException:
            self._lanes.restart()  # what was not confirmed is forgotten, and no batch may follow on it
            raise
        finally:
            self._lanes.put_down(batch.term)
            self._arrived.set()

    async def run_flusher(self) -> None:
        """Write what waits for the lake when it is due, for ever."""
        while True:
            due_at = self.engine.next_flush_at()
            if due_at is None:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await asyncio.sleep(max(0.0, due_at - time.monotonic()))
            await self._flush()

    async def drain(self, deadline_s: float) -> None:
        """Confirm what is under way, within the deadline; what is not confirmed then is read again."""
        try:
            async with asyncio.timeout(deadline_s), self.lock:
                await self.engine.flush(everything=True)
        except (MillstreamError, OSError, TimeoutError) as error:
            self._lanes.restart()  # what was not confirmed is forgotten, and no batch may follow on it
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
        """Write what is due, batches going on meanwhile; what a term that ended since had begun is not marked."""
        async with self.lock:
            term = self._lanes.term
            written = self.engine.begin_flush()
        if written:
            await asyncio.wait(written)
        async with self.lock:
            try:
                await self.engine.end_flush()
            except Exception as error:
                self.fail(error, term)

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
