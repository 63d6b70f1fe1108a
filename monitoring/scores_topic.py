"""`millstream.scores` on Kafka, read by one watcher that takes all partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from features.errors import BrokerUnavailableError
from features.nouns import SCORES_TOPIC
from monitoring.time_order import TimeOrder

DEADLINE_S = 10.0
FETCH_RECORDS = 1_000
MAX_WAITING = 20_000


class ScoreMessage(NamedTuple):
    """A record of the topic, not decoded.

    Parameters
    ----------
    partition, offset
        Its position.
    value
        A `features.nouns.ScoreRecord` as JSON, if the producer is ours.

    """

    partition: int
    offset: int
    value: bytes | None


class KafkaConsumer(Protocol):
    """The part of ``confluent_kafka.Consumer`` that is used."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Metadata of a topic."""

    def committed(self, partitions: list[Any], timeout: float) -> list[Any]:
        """The group's offsets."""

    def incremental_assign(self, partitions: list[Any]) -> None:
        """Begin to fetch these too."""

    def pause(self, partitions: list[Any]) -> None:
        """Stop fetching."""

    def resume(self, partitions: list[Any]) -> None:
        """Go on fetching."""

    def consume(self, num_messages: int, timeout: float) -> list[Any]:
        """Messages, and events in the form of messages."""

    def get_watermark_offsets(self, partition: Any, *, cached: bool) -> tuple[int, int] | None:
        """First and next offset, as the last fetch told them."""

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> Any:
        """Set the group's offsets."""


def open_consumer(bootstrap_servers: str, *, group: str) -> Consumer:
    """Make a consumer; it connects when it is first asked.

    Parameters
    ----------
    bootstrap_servers
        ``host:port``, comma-separated.
    group
        Under which offsets are committed. The group is never joined: the watcher takes all partitions, because a
        window of a few of them is not a sample of the traffic.

    Returns
    -------
    confluent_kafka.Consumer
        To be closed by the caller.

    """
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 50,  # with librdkafka's second a fast consumer idles most of the time
            "log_level": 0,  # a broker that is away is told by readiness, not by a line each 50 ms
        }
    )


class ScoresTopic:
    """All partitions of the topic as one stream in the order of time.

    Parameters
    ----------
    consumer
        Closed by the caller.
    from_beginning
        Read all that the topic holds, until each partition has been at its end. Otherwise go on where the group left
        off, without end.

    """

    def __init__(self, consumer: KafkaConsumer, *, from_beginning: bool) -> None:
        self._consumer = consumer
        self._from_beginning = from_beginning
        self._next: dict[int, int] = {}
        self._was_at_end: set[int] = set()
        self._paused: set[int] = set()
        self._order: TimeOrder[ScoreMessage] = TimeOrder()

    def include_new_partitions(self) -> None:
        """Ask the broker which partitions there are, and read those that are new.

        Raises
        ------
        BrokerUnavailableError
            It does not answer, or has no such topic: this is also how the caller learns that it is away.

        """
        new = sorted(self._existing_partitions() - set(self._next))
        if not new:
            return
        starts = dict.fromkeys(new, OFFSET_BEGINNING)
        if not self._from_beginning:
            starts |= self._committed(new)
        for partition, offset in starts.items():
            self._next[partition] = max(offset, 0)
            self._order.include(partition)
        self._consumer.incremental_assign([_partition(p, offset) for p, offset in starts.items()])

    def read(self, timeout_s: float) -> list[ScoreMessage]:
        """The next records in time.

        Parameters
        ----------
        timeout_s
            How long to wait for the first.

        Returns
        -------
        list of ScoreMessage
            Empty where nothing came, or where what came has to wait for an older record of another partition.

        Raises
        ------
        BrokerUnavailableError
            The topic has gone, or may not be read. Nothing that came is lost: it is handed out by a later call.

        """
        errors = [self._take(message) for message in self._consumer.consume(FETCH_RECORDS, timeout_s)]
        for error in filter(None, errors):
            raise BrokerUnavailableError("kafka", str(error))
        ready = list(self._order.ready())
        for message in ready:
            self._next[message.partition] = message.offset + 1
        self._hold_back()
        return ready

    @property
    def at_end(self) -> bool:
        """Whether every partition has been at its end and all that was read before has been handed out."""
        return self._was_at_end.issuperset(self._next) and not any(map(self._order.waiting, self._next))

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """By partition, the offset after the last record handed out."""
        return self._next

    @property
    def lag(self) -> int:
        """Records in the topic that have not been handed out, as of the last fetch."""
        return sum(self._lag(partition, offset) for partition, offset in self._next.items())

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Remember where to go on after a restart.

        Parameters
        ----------
        offsets
            By partition, the first offset to read again.

        Raises
        ------
        BrokerUnavailableError
            The offsets may not have been kept.

        """
        try:
            self._consumer.commit(offsets=[_partition(p, o) for p, o in offsets.items()], asynchronous=False)
        except KafkaException as error:
            raise _unavailable(error) from error

    def _existing_partitions(self) -> set[int]:
        try:
            topic = self._consumer.list_topics(SCORES_TOPIC, DEADLINE_S).topics[SCORES_TOPIC]
        except KafkaException as error:
            raise _unavailable(error) from error
        if topic.error is not None or not topic.partitions:
            raise BrokerUnavailableError("kafka", f"topic {SCORES_TOPIC} is not there ({topic.error})")
        return set(topic.partitions)

    def _committed(self, partitions: Iterable[int]) -> dict[int, int]:
        try:
            found = self._consumer.committed([_partition(p) for p in partitions], DEADLINE_S)
        except KafkaException as error:
            raise _unavailable(error) from error
        return {position.partition: position.offset for position in found if position.offset >= 0}

    def _take(self, message: Any) -> KafkaError | None:
        error, partition = message.error(), message.partition()
        if error is None:
            value = ScoreMessage(partition, message.offset(), message.value())
            self._order.add(partition, message.timestamp()[1], value)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._order.at_end(partition)
            self._was_at_end.add(partition)
        else:
            return error
        return None

    def _hold_back(self) -> None:
        """Stop fetching partitions that run ahead of the others, so that memory stays bounded."""
        ahead = {partition for partition in self._next if self._order.waiting(partition) > MAX_WAITING}
        if ahead - self._paused:
            self._consumer.pause([_partition(p) for p in ahead - self._paused])
        if self._paused - ahead:
            self._consumer.resume([_partition(p) for p in self._paused - ahead])
        self._paused = ahead

    def _lag(self, partition: int, next_offset: int) -> int:
        marks = self._consumer.get_watermark_offsets(_partition(partition), cached=True)
        return max(marks[1] - next_offset, 0) if marks is not None else 0


def _partition(partition: int, offset: int | None = None) -> Any:
    if offset is None:
        return TopicPartition(SCORES_TOPIC, partition)
    return TopicPartition(SCORES_TOPIC, partition, offset)


def _unavailable(error: KafkaException) -> BrokerUnavailableError:
    return BrokerUnavailableError("kafka", str(error.args[0] if error.args else error))
