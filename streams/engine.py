"""The batch engine: decode, fold into states, write to the lake, mark progress. It knows nothing of Faust.

Order is everything here: states are confirmed before their rows count as flushed, and progress is written only once
states and lake are both confirmed. So a crash at any point re-reads, and the fence and the lake's offsets make what is
read twice count once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

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
from streams.ledger import Ledger
from streams.metrics import WorkerMetrics
from streams.view_writer import Events, StateStore, ViewWriter
from streams.watermarks import Watermarks

DECODE_ROWS = 2_000
"""Rows decoded before others may run."""

Check = Callable[[], None]
Announce = Callable[[Sequence[DeadLetter]], Awaitable[None]]
Committed = Callable[[str, str, int, int], None]
"""Told topic, log, partition and the offset that a restart would read from."""


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
    ) -> None:
        self._store = store
        self._lake = lake
        self._lake_settings = lake_settings
        self._metrics = metrics
        self._watermarks = watermarks
        self._clock = clock
        self._announce = announce
        self._committed = committed
        self._writers = _writers(plan, store, worker, metrics)
        self._feeds = {
            source.topic: Feed(source, [self._writers[view.name] for view in plan.views_of(source.topic)], lake.schemas)
            for source in (*plan.sources, SCORES_SOURCE)  # score records feed no view
        }
        self._ledgers: dict[tuple[str, str, int], Ledger] = {}
        self._erasures = NO_ERASURES

    def begin(self, births: Mapping[str, str], erasures: Erasures = NO_ERASURES) -> None:
        """Forget all that is not confirmed; write to these births (view → birth id), in knowledge of these erasures."""
        self.forget()
        self._erasures = erasures
        for name, writer in self._writers.items():
            writer.begin(births.get(name, ""), erasures)

    def forget(self) -> None:
        """Forget rows that are not confirmed: they are read again, and no progress is marked behind them."""
        self._ledgers.clear()

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that it takes batches of."""
        return tuple(self._feeds)

    async def process(self, batch: Batch, check: Check) -> None:
        """Confirm the states of a batch, and its rows in the lake when they are due.

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
        try:
            for (topic, log, partition), ledger in list(self._ledgers.items()):
                due_at = ledger.due_at
                if due_at is not None and (everything or due_at <= time.monotonic()):
                    feed = self._feeds[topic]
                    taken = await self._to_lake(feed, log, partition, ledger)
                    await self._commit(feed, log, partition, taken)
        except BaseException:
            self.forget()
            raise

    def next_flush_at(self) -> float | None:
        """When `flush` will have something to do, by the monotonic clock; None while nothing waits."""
        return min((due for ledger in self._ledgers.values() if (due := ledger.due_at) is not None), default=None)

    async def _process(self, batch: Batch, check: Check) -> None:
        feed = self._feeds[batch.topic]
        began = time.perf_counter()
        decoded = await self._decode(feed, batch)
        if self._erasures.records:
            place = (batch.log, batch.partition)
            self._erasures.erase_batch(feed.source, place, batch.offsets, batch.values, decoded)
        ledger = self._ledger(batch)
        ledger.add(batch, decoded)
        due_at = ledger.due_at
        flushing = None
        if due_at is not None and due_at <= time.monotonic():  # beside the states, for it waits on the disk
            flushing = asyncio.create_task(self._to_lake(feed, batch.log, batch.partition, ledger))
        events = Events(batch.topic, (batch.log, batch.partition), batch.offsets, decoded.event_us, decoded.columns)
        try:
            for writer in feed.writers:
                await writer.write(events, check)
        finally:
            if flushing is not None:
                await asyncio.wait([flushing])
        self._count(batch, decoded, time.perf_counter() - began)
        if flushing is not None:
            await self._commit(feed, batch.log, batch.partition, flushing.result())

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

    def _ledger(self, batch: Batch) -> Ledger:
        key = (batch.topic, batch.log, batch.partition)
        ledger = self._ledgers.get(key)
        if ledger is None:
            settings = self._lake_settings
            ledger = self._ledgers[key] = Ledger(flush_rows=settings.flush_rows, flush_s=settings.flush_ms / 1_000)
        return ledger

    async def _to_lake(self, feed: Feed, log: str, partition: int, ledger: Ledger) -> LakeBatch:
        taken = ledger.take(time.monotonic())
        with self._metrics.flush_seconds.labels(feed.source.topic).time():
            await asyncio.to_thread(self._lake.append, feed.source, log, partition, taken)
        return taken

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
