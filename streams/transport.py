"""Faust's Kafka transport, handing over each fetched batch of a partition whole, as one message.

Stock Faust makes a task and two waits for every message, which costs thirty times what Kafka does. Here one message
carries up to `MAX_ROWS` records. Internals of faust-streaming 0.15.3 are overridden (pinned; each is held by
`tests/streams/test_transport.py`). The fetch loop alone fetches and seeks, so that no seek can fall into a fetch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple, Protocol

import structlog
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.topics import Topic
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from streams.assignment import Assignment, Lane
from streams.batch import Batch, to_batch

MAX_ROWS = 50_000
"""Most records of one fetch: what the engine does in a second or less, for a rebalance waits for it."""
FETCH_WAIT_MS = 100
"""How long the broker holds a fetch that finds nothing. A partition whose records lie here unread is left out of the
running fetch, so its next records wait that long at most (Faust's 1,500 ms showed as latency)."""
POLL_S = 0.2
COMMIT_DEADLINE_S = 5.0
BROKER_RETRY_S = 0.5
NOWHERE = frozenset({TP("__none__", 0)})
"""Named in a poll that is to return nothing: an empty set would mean all partitions."""

log: Final = structlog.get_logger(__name__)


class Fetched(NamedTuple):
    """Records of one partition (none, perhaps), the offset behind them, and where the broker's log ends."""

    records: list[Any]
    next_offset: int
    end: int | None


class LogWatch(Protocol):
    """Tells whether topics still are the logs that the lanes were started on."""

    async def same_logs(self, topics: Collection[str]) -> bool:
        """False when one is another log now, or that cannot be told: nothing fetched before may be used then."""
        ...


class Heart(Protocol):
    """Hears from the fetch loop that it lives."""

    def beat(self) -> None:
        """The loop went round."""
        ...


class BatchTopic(Topic):  # type: ignore[misc]  # Faust is untyped
    """A topic whose messages carry a `Batch`, passed through undecoded."""

    def _compile_decode(self) -> None:
        """Replace the decoder that Faust compiles; its constructor would overwrite a method."""
        create_event = self.app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust's signature
            return create_event(None, message.value, message.headers, message)

        self.decode = decode


class BatchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped
    """The thread that owns the Kafka client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stood_at_ms: dict[TP, int] = {}

    async def on_start(self) -> None:
        """Connect; a broker that went away since the process began is waited for, where Faust would end it."""
        while not self.should_stop:
            try:
                await super().on_start()
            except KafkaError as error:
                self._say(f"broker: {error!r}")
                await self._consumer.stop()
                await self.sleep(BROKER_RETRY_S)
            else:
                return

    def _say(self, problem: str) -> None:
        """Once in the log, and in readiness until the steward begins."""
        lanes = self.app.lanes
        if lanes.failure != problem:
            log.warning("waiting for the broker", error=problem)
        lanes.failure = problem

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def fetch(self, wanted: frozenset[TP]) -> dict[TP, Fetched]:
        """Records of these partitions, as soon as there are any."""
        fetched: dict[TP, Fetched] = await self.call_thread(self._fetch, wanted)
        return fetched

    async def _fetch(self, wanted: frozenset[TP]) -> dict[TP, Fetched]:
        consumer = self._ensure_consumer()
        found = await self._fetch_records(consumer, wanted, timeout=POLL_S, max_records=consumer._max_poll_records)
        assignment = consumer._subscription.subscription.assignment
        return {} if assignment is None else self._placed(assignment, wanted, found)

    def _placed(self, assignment: Any, wanted: Collection[TP], found: Mapping[TP, list[Any]]) -> dict[TP, Fetched]:
        """What was found of each partition, and where that ends.

        A rebalance may have come in between: then a partition is gone, or assigned anew and without a position.
        """
        fetched = {}
        for at in wanted:
            if at not in assignment.tps or not (state := assignment.state_value(at)).has_valid_position:
                continue
            heard = (state.timestamp or 0) > self._stood_at_ms.get(at, 0)
            fetched[at] = Fetched(found.get(at, []), state.position, state.highwater if heard else None)
        return fetched

    async def stand_at(self, offsets: Mapping[TP, int]) -> None:
        """Seek; what was fetched ahead from elsewhere is dropped by the client."""
        await self.call_thread(self._stand_at, offsets)

    async def _stand_at(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for at, offset in offsets.items():
            consumer.seek(TopicPartition(*at), offset)
            self._stood_at_ms[at] = int(time.time() * 1_000)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit, with the errors of the client as they are."""
        await self.call_thread(self._commit_offsets, offsets)

    async def _commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        wanted = {TopicPartition(*at): OffsetAndMetadata(offset, "") for at, offset in offsets.items()}
        await self._ensure_consumer().commit(wanted)


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped
    """Fetches batches, seeks to start offsets, commits what is safe."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refused: dict[tuple[str, int], str] = {}

    @property
    def assigned(self) -> Assignment:
        """The lanes of the app."""
        return self.app.lanes  # type: ignore[no-any-return]  # Faust is untyped

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Called by Faust at every assignment: start every lane anew; committed offsets are for lag monitors only."""
        self.assigned.assign({(at.topic, at.partition) for at in self.assignment()})

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Commit where a restart would begin. Every commit of Faust ends here; a failed one costs nothing."""
        offsets = {TP(*at): offset for at, offset in self.assigned.offsets_to_commit().items()}
        if not offsets:
            return False
        try:
            await asyncio.wait_for(self._thread.commit_offsets(offsets), COMMIT_DEADLINE_S)
        except (KafkaError, TimeoutError, RuntimeError) as error:
            log.info("offsets were not committed", error=repr(error))
            return False
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust watches acks, which are off here; `streams.watchdog` watches progress instead."""

    async def _drain_messages(self, fetcher: Any) -> None:
        """The fetch loop. An exception here would end the process, so none of the broker's leaves it."""
        self.assigned.restart()  # a fetch that was cancelled may have moved positions
        while not (self.should_stop or fetcher.should_stop):
            self.app.pulse.beat()
            if not self.flow_active:
                await self.wait(self.can_resume_flow)
                continue
            try:
                await self._fetch_once()
            except ConsumerStoppedError:
                if self.app.should_stop:
                    return
                raise
            except OffsetOutOfRangeError as error:
                self._refuse_out_of_range(error)
            except KafkaError as error:
                log.warning("the broker refused a fetch", error=repr(error))
                self.assigned.fail(f"broker: {error!r}")
                await asyncio.sleep(1.0)

    async def _fetch_once(self) -> None:
        lanes = self.assigned
        await self._seek_lanes()
        has_room = await lanes.room(POLL_S)
        term = lanes.term
        wanted = frozenset(TP(lane.topic, lane.partition) for lane in lanes.running()) if has_room else None
        fetched = await self._thread.fetch(wanted or NOWHERE)
        topics = {at.topic for at, (records, _, _) in fetched.items() if records}
        if topics and lanes.term == term and not await self.app.log_watch.same_logs(topics):
            lanes.restart()
        for at, (records, next_offset, end) in fetched.items():
            lane = lanes.lanes.get((at.topic, at.partition))
            if lanes.term != term or lane is None:
                return
            lane.end = end
            if records:
                await self._hand_over(lane, term, records, next_offset)
            elif end is not None and end < next_offset:  # Kafka says out of range, Tansu says nothing
                self._refuse(lane, f"log {lane.log} ends at {end}, below the position {next_offset}")

    async def _hand_over(self, lane: Lane, term: int, records: list[Any], next_offset: int) -> None:
        batch = to_batch(
            records,
            topic=lane.topic,
            log=lane.log,
            partition=lane.partition,
            term=term,
            first_offset=lane.fetched,
            next_offset=next_offset,
        )
        lane.fetched = next_offset
        self._refused.pop((lane.topic, lane.partition), None)
        self.assigned.take_up()
        message = self._batch_message(TP(lane.topic, lane.partition), batch)
        await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def _batch_message(self, at: TP, batch: Batch) -> Any:
        return ConsumerMessage(
            *(at.topic, at.partition, batch.offsets[-1]),
            *(batch.kafka_us[-1] / 1e6, 0),
            *((), None, batch, None, 0, len(batch.offsets)),
            tp=at,
            generation_id=self.app.consumer_generation_id,
        )

    async def _seek_lanes(self) -> None:
        seeking = [lane for lane in self.assigned.lanes.values() if lane.state == "seeking"]
        if not seeking:
            return
        term = self.assigned.term
        await self._thread.stand_at({TP(lane.topic, lane.partition): lane.start for lane in seeking})
        if self.assigned.term == term:
            for lane in seeking:
                lane.state = "running"

    def _refuse_out_of_range(self, error: OffsetOutOfRangeError) -> None:
        for at, offset in dict(error.args[0]).items():
            lane = self.assigned.lanes.get((at.topic, at.partition))
            if lane is not None:
                self._refuse(lane, f"the broker holds no offset {offset} of log {lane.log}")

    def _refuse(self, lane: Lane, problem: str) -> None:
        """Refuse a lane's position. The steward tries it again every second, so it is said once, not each time."""
        at = (lane.topic, lane.partition)
        if self._refused.get(at) != problem:
            self._refused[at] = problem
            log.error("not read", topic=lane.topic, partition=lane.partition, problem=problem)
        lane.refuse(f"{lane.topic}/{lane.partition}: {problem}")


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped
    """The transport that makes such consumers."""

    Consumer = BatchConsumer
