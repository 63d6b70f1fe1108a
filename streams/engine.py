"""The batch engine: decode, fold into states, write to the lake, mark progress. It knows nothing of Faust.

Order is everything here: states are confirmed before their rows count as flushed, and progress is written only once
states and lake are both confirmed. So a crash at any point re-reads, and the fence and the lake's offsets make what is
read twice count once.

Batches do not wait for the disk, but for these: the first of a partition, so that each term gets somewhere however soon
another partition's trouble ends it; one that fills a file; and any while too many rows wait in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import structlog

from features.clock import Clock
from features.decode import Decoded, Decoder
from features.erasure import ERASED, NO_ERASURES, Erasures
from features.formats.schemas import SchemaBook
from features.lake import LakeBatch
from features.nouns import SCORES_SOURCE, DeadLetter
from features.plan import Plan, SourcePlan
from features.settings import LakeSettings, WorkerSettings
from features.store import ProgressKey
from streams.batch import Batch
from streams.batch_traces import BatchTraces
from streams.ledger import Ledger
from streams.metrics import WorkerMetrics
from streams.view_writer import Events, StateStore, ViewWriter
from streams.watermarks import Watermarks

logger: Final = structlog.get_logger(__name__)

DECODE_ROWS = 2_000
"""Rows decoded before others may run."""
ROWS_WAITING = 4
"""Files' worth of rows, of all partitions together, that may wait in memory for the lake."""

Check = Callable[[], None]
Announce = Callable[[Sequence[DeadLetter]], Awaitable[None]]
Committed = Callable[[str, str, int, int], None]
"""Told topic, log, partition and the offset that a restart would read from."""
Place = tuple[str, str, int]
"""Topic, log and partition."""


class EngineStore(StateStore, Protocol):
    """The part of the store that the engine writes."""

    async def write_progress(self, marks: Mapping[ProgressKey, int]) -> None:
        """Set next offsets, after all earlier writes."""
        ...


class EngineLake(Protocol):
    """The part of the lake that the engine writes."""

    schemas: SchemaBook
    """Keeps the schemas of records that name theirs."""

    def append(self, source: SourcePlan, log: str, partition: int, batch: LakeBatch) -> None:
        """Durable when it returns."""
        ...


class Feed:
    """One topic: how its records decode, and which views they feed."""

    def __init__(self, source: SourcePlan, writers: Sequence[ViewWriter], schemas: SchemaBook) -> None:
        self.source = source
        self.decoder = Decoder(source, schemas)
        self.writers = tuple(writers)


class Flight(NamedTuple):
    """Rows of one partition on their way to the lake."""

    feed: Feed
    log: str
    partition: int
    rows: LakeBatch
    written: asyncio.Task[None]


class Engine:
    """Takes one batch at a time. ``begin`` comes first, and after every error."""

    def __init__(
        self,
        *,
        plan: Plan,
        store: EngineStore,
        lake: EngineLake,
        worker: WorkerSettings,
        lake_settings: LakeSettings,
        metrics: WorkerMetrics,
        watermarks: Watermarks,
        clock: Clock,
        announce: Announce,
        committed: Committed,
        traces: BatchTraces | None = None,
    ) -> None:
        self._store = store
        self._lake = lake
        self._lake_settings = lake_settings
        self._metrics = metrics
        self._watermarks = watermarks
        self._clock = clock
        self._announce = announce
        self._committed = committed
        self._traces = traces
        self._writers = _writers(plan, store, worker, metrics)
        self._feeds = {
            source.topic: Feed(source, [self._writers[view.name] for view in plan.views_of(source.topic)], lake.schemas)
            for source in (*plan.sources, SCORES_SOURCE)  # score records feed no view
        }
        self._ledgers: dict[Place, Ledger] = {}
        self._flights: dict[Place, Flight] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._disk = asyncio.Lock()
        self._erasures = NO_ERASURES

    async def begin(self, births: Mapping[str, str], erasures: Erasures = NO_ERASURES) -> None:
        """Forget all that is not confirmed; write to these births (view → birth id), in knowledge of these erasures.

        Rows that are on their way to the lake arrive first: later they could bring back what is being erased there.
        """
        self.forget()
        if self._writing:
            await asyncio.wait(self._writing)
        self._erasures = erasures
        for name, writer in self._writers.items():
            writer.begin(births.get(name, ""), erasures)

    def forget(self) -> None:
        """Forget rows that are not confirmed: they are read again, and no progress is marked behind them."""
        self._ledgers.clear()
        self._flights.clear()

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that it takes batches of."""
        return tuple(self._feeds)

    async def process(self, batch: Batch, check: Check) -> None:
        """Confirm the states of a batch, and its rows in the lake when they cannot wait.

        ``check`` is called between chunks and raises to end the batch early. After any error, all that was not
        confirmed is forgotten, and ``begin`` must come next.
        """
        try:
            await self._process(batch, check)
        except BaseException:
            self.forget()  # rows whose states are not confirmed must never count as flushed
            raise

    async def flush(self, *, everything: bool = False) -> None:
        """Write the rows that are due (or all) to the lake, and mark progress; never beside ``process``."""
        await self.end_flush()
        self.begin_flush(everything=everything)
        await self.end_flush()

    def begin_flush(self, *, everything: bool = False) -> list[asyncio.Task[None]]:
        """Begin to write the rows that are due (or all); never beside ``process``, so their states are confirmed.

        Batches may be processed while these tasks are waited for. Then comes `end_flush`.
        """
        now_s = time.monotonic()
        return [
            self._take_off(self._feeds[place[0]], place).written
            for place, ledger in self._ledgers.items()
            if place not in self._flights and (due_at := ledger.due_at) is not None and (everything or due_at <= now_s)
        ]

    async def end_flush(self) -> None:
        """Mark progress behind what `begin_flush` began to write, each once it is; never beside ``process``.

        One that could not be written does not keep the others from it.
        """
        failure: Exception | None = None
        try:
            for place in list(self._flights):
                try:
                    await self._land(place)
                except Exception as error:
                    failure = failure or error
            if failure is not None:
                raise failure
        except BaseException:
            self.forget()
            raise

    def next_flush_at(self) -> float | None:
        """When `flush` will have something to do, by the monotonic clock; None while nothing waits."""
        return min((due for ledger in self._ledgers.values() if (due := ledger.due_at) is not None), default=None)

    async def _process(self, batch: Batch, check: Check) -> None:
        feed, place = self._feeds[batch.topic], (batch.topic, batch.log, batch.partition)
        if self._rows_waiting() > ROWS_WAITING * self._lake_settings.flush_rows:
            await self.flush(everything=True)
        began, began_ns = time.perf_counter(), time.time_ns()
        decoded = await self._decode(feed, batch)
        if self._erasures.records:
            erased_at = (batch.log, batch.partition)
            self._erasures.erase_batch(feed.source, erased_at, batch.offsets, batch.values, decoded)
        ledger = self._ledger(place)
        ledger.add(batch, decoded)
        written = None
        if ledger.is_due_at_once:  # beside the states, for it waits on the disk
            await self._land(place)
            written = self._take_off(feed, place).written
        events = Events(batch.topic, (batch.log, batch.partition), batch.offsets, decoded.event_us, decoded.columns)
        try:
            for writer in feed.writers:
                await writer.write(events, check)
        finally:
            if written is not None:
                await asyncio.wait([written])
        self._count(batch, decoded, time.perf_counter() - began)
        if self._traces is not None and batch.traced:
            try:
                self._traces.confirmed(batch, began_ns, time.time_ns())
            except Exception:
                logger.exception("batch_not_traced", topic=batch.topic)  # its states are confirmed all the same
        if written is not None:
            await self._land(place)

    def _rows_waiting(self) -> int:
        """Rows that are in memory because they are not in the lake."""
        in_flight = sum(len(flight.rows.offsets) for flight in self._flights.values())
        return in_flight + sum(map(len, self._ledgers.values()))

    def _ledger(self, place: Place) -> Ledger:
        ledger = self._ledgers.get(place)
        if ledger is None:
            settings = self._lake_settings
            ledger = self._ledgers[place] = Ledger(flush_rows=settings.flush_rows, flush_s=settings.flush_ms / 1_000)
        return ledger

    async def _decode(self, feed: Feed, batch: Batch) -> Decoded:
        wanted = feed.decoder.wanted(batch.values, batch.kafka_us)
        if wanted:  # beside the loop, for it waits for the schema registry
            await asyncio.to_thread(self._lake.schemas.learn, wanted)
        if len(batch.values) <= DECODE_ROWS:
            return feed.decoder.decode(batch.values, batch.kafka_us)
        whole = Decoded([], [], [], {})
        for begin in range(0, len(batch.values), DECODE_ROWS):
            part = slice(begin, begin + DECODE_ROWS)
            decoded = feed.decoder.decode(batch.values[part], batch.kafka_us[part])
            whole.raw.extend(decoded.raw)
            whole.columns.extend(decoded.columns)
            whole.event_us.extend(decoded.event_us)
            whole.reasons.update({begin + i: reason for i, reason in decoded.reasons.items()})
            await asyncio.sleep(0)
        return whole

    def _take_off(self, feed: Feed, place: Place) -> Flight:
        """Begin to write a partition's rows; those before them have landed."""
        rows = self._ledgers[place].take(time.monotonic())
        _, log, partition = place
        written = asyncio.create_task(self._append(feed, log, partition, rows))
        self._writing.add(written)
        written.add_done_callback(self._has_written)
        flight = self._flights[place] = Flight(feed, log, partition, rows, written)
        return flight

    def _has_written(self, written: asyncio.Task[None]) -> None:
        self._writing.discard(written)
        if not written.cancelled():
            written.exception()  # looked at: where its rows were forgotten, nobody else asks

    async def _append(self, feed: Feed, log: str, partition: int, rows: LakeBatch) -> None:
        async with self._disk:  # a lake is not for several threads
            with self._metrics.flush_seconds.labels(feed.source.topic).time():
                await asyncio.to_thread(self._lake.append, feed.source, log, partition, rows)

    async def _land(self, place: Place) -> None:
        """Wait until a partition's rows are written, if any are under way, and mark progress behind them."""
        flight = self._flights.get(place)
        if flight is not None:
            await asyncio.wait([flight.written])
            flight.written.result()
            await self._commit(flight.feed, flight.log, flight.partition, flight.rows)
            del self._flights[place]

    async def _commit(self, feed: Feed, log: str, partition: int, taken: LakeBatch) -> None:
        """Mark progress behind rows whose states and lake file are confirmed; announce the dead among them."""
        topic = feed.source.topic
        letters = dead_letters(topic, log, partition, taken) if taken.decoded.reasons else []
        if letters:  # before the mark: a crash between the two announces them again
            await self._announce(letters)
        for writer in feed.writers:
            await writer.refresh()
        marks = {(writer.birth, log, partition): taken.next_offset for writer in feed.writers}
        await self._store.write_progress(marks)
        self._metrics.lake_rows.labels(topic).inc(len(taken.offsets))
        self._committed(topic, log, partition, taken.next_offset)

    def _count(self, batch: Batch, decoded: Decoded, seconds: float) -> None:
        metrics, topic = self._metrics, batch.topic
        metrics.events.labels(topic).inc(len(batch.offsets))
        metrics.batch_seconds.labels(topic).observe(seconds)
        metrics.freshness.labels(topic).observe((self._clock.now_us() - batch.kafka_us[0]) / 1e6)
        for reason in decoded.reasons.values():
            if reason == ERASED:
                continue
            metrics.dead_letters.labels(topic, reason.partition(":")[0]).inc()
        self._watermarks.observe(batch, decoded)


def dead_letters(topic: str, log: str, partition: int, rows: LakeBatch) -> list[DeadLetter]:
    """The refused among these rows."""
    return [
        DeadLetter(
            topic=topic,
            log=log,
            partition=partition,
            offset=rows.offsets[i],
            kafka_us=rows.kafka_us[i],
            reason=reason,
            value=rows.values[i],
        )
        for i, reason in rows.decoded.reasons.items()
        if reason != ERASED
    ]


def _writers(plan: Plan, store: StateStore, worker: WorkerSettings, metrics: WorkerMetrics) -> dict[str, ViewWriter]:
    """One writer a view, by its name."""
    share = max(1, worker.cache_bytes // max(1, len(plan.views)))
    return {
        view.name: ViewWriter(
            view,
            [plan.source(topic) for topic in view.topics],
            project=plan.project,
            store=store,
            metrics=metrics,
            cache_bytes=share,
            chunk_entities=worker.chunk_entities,
            coalesce_feast_fields=worker.coalesce_feast_fields,
        )
        for view in plan.views
    }
