"""A domain's recorded history, and its replay: rows of a Parquet file sent to the broker as if they happened now."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from confluent_kafka import KafkaError, KafkaException, Producer

from features.domain import Domain
from features.errors import BrokerUnavailableError, DomainError
from features.formats.encoding import open_encoder
from features.formats.registry_client import open_registry
from features.plan import Plan, SourcePlan
from features.settings import SchemaRegistrySettings
from features.tracing import HEADER, Span, Tracer, new_trace

CHUNK_ROWS = 5_000
DELIVERY_S = 30.0
MAKE_DEADLINE_S = 600.0
PRODUCER = "millstream-replay"
"""The service that traces name as the sender."""


class History:
    """The events of one topic in time order, as records of the declared schema and message format."""

    def __init__(
        self,
        source: SourcePlan,
        key_columns: Sequence[str],
        events: pa.Table,
        registry: SchemaRegistrySettings | None = None,
    ) -> None:
        self._source = source
        self._registry = registry
        self._columns = [column.name for column in source.columns]
        self._keys = key_columns
        self.topic = source.topic
        order = pc.sort_indices(events, [(source.timestamp_column, "ascending")])
        self._events = events.select(self._columns).take(order)
        stamps = events.column(source.timestamp_column).take(order)
        self._times_us = stamps.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()

    @property
    def last_at(self) -> datetime:
        """Time of the newest event; 1970 where there is none."""
        newest_us = int(self._times_us[-1]) if len(self) else 0
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=newest_us)

    def __len__(self) -> int:
        return len(self._times_us)

    def count(self, from_us: int | None, until_us: int | None) -> int:
        """Events in ``[from, until)``."""
        begin, end = self._span(from_us, until_us)
        return end - begin

    def messages(self, from_us: int | None, until_us: int | None) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each event in ``[from, until)``."""
        begin, end = self._span(from_us, until_us)
        encode = open_encoder(self._source, self._register)
        for first in range(begin, end, CHUNK_ROWS):
            rows = self._events.slice(first, min(CHUNK_ROWS, end - first)).to_pylist()
            for row in rows:
                yield "|".join(str(row[name]) for name in self._keys).encode(), encode(row)

    def _register(self, kind: str, text: str) -> int:
        """Id of the schema under the topic's subject, as producers name it by default."""
        return open_registry(self._registry or SchemaRegistrySettings(), self._source).register(
            f"{self.topic}-value", kind, text
        )

    def _span(self, from_us: int | None, until_us: int | None) -> tuple[int, int]:
        begin = 0 if from_us is None else int(self._times_us.searchsorted(from_us))
        end = len(self) if until_us is None else int(self._times_us.searchsorted(until_us))
        return begin, max(begin, end)


class Replayer:
    """Sends histories to one broker; what it has sent is delivered when `send` returns.

    ``delivered`` maps (topic, partition) to the offset after the last record that the broker took. With a tracer, a
    sample of the records begins a trace each, which workers and scorers go on with.
    """

    def __init__(self, bootstrap_servers: str, tracer: Tracer | None = None) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 2,
                "delivery.timeout.ms": int(DELIVERY_S * 1_000),
                "queue.buffering.max.messages": 100_000,
                "log_level": 0,
            }
        )
        self._tracer = tracer
        self._failure: KafkaError | None = None
        self.delivered: dict[tuple[str, int], int] = {}

    def send(
        self,
        history: History,
        from_us: int | None = None,
        until_us: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Send the events in ``[from, until)``, in time order; how many there were."""
        sent = 0
        for key, value in history.messages(from_us, until_us):
            self._produce(history.topic, key, value)
            sent += 1
            if sent % CHUNK_ROWS == 0:
                progress(CHUNK_ROWS)
        progress(sent % CHUNK_ROWS)
        waiting = self._producer.flush(DELIVERY_S)
        if waiting or self._failure:
            raise BrokerUnavailableError(
                "broker", f"{waiting} records of {history.topic} not delivered ({self._failure or 'no answer'})"
            )
        return sent

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        deadline_s = time.monotonic() + DELIVERY_S
        headers: list[tuple[str, bytes]] = []
        on_delivery: Callable[..., None] = self._on_delivery
        if self._tracer is not None and self._tracer.begins():
            headers, on_delivery = self._begin_trace(self._tracer, topic)
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=on_delivery, headers=headers)
                self._producer.poll(0)
                return
            except BufferError:
                if time.monotonic() > deadline_s:
                    raise BrokerUnavailableError("broker", f"takes nothing for {DELIVERY_S:.0f} s") from None
                self._producer.poll(0.1)
            except KafkaException as error:
                raise BrokerUnavailableError("broker", str(error)) from error

    def _begin_trace(self, tracer: Tracer, topic: str) -> tuple[list[tuple[str, bytes]], Callable[..., None]]:
        """The headers of a record that is traced, and who hears of its delivery, with which its span ends."""
        at, began_ns = new_trace(), time.time_ns()

        def delivered(error: KafkaError | None, message: Any) -> None:
            self._on_delivery(error, message)
            attributes: dict[str, str | int] = {"messaging.system": "kafka", "messaging.destination.name": topic}
            if error is None:
                attributes["messaging.destination.partition.id"] = str(message.partition())
                attributes["messaging.kafka.offset"] = message.offset()
            told = None if error is None else error.str()
            ended_ns = time.time_ns()
            tracer.tell(
                Span(f"send {topic}", at, began_ns, ended_ns, kind="producer", attributes=attributes, error=told)
            )

        return [(HEADER, str(at).encode())], delivered

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._failure = error
        else:
            at = message.topic(), message.partition()
            self.delivered[at] = max(self.delivered.get(at, 0), message.offset() + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._producer.purge()
        self._producer.flush(1.0)
        if self._tracer is not None:
            self._tracer.close()


def load_history(domain: Domain, plan: Plan, topic: str, registry: SchemaRegistrySettings | None = None) -> History:
    """Read ``data/<topic>.parquet``, after its maker has made it where it is missing."""
    source = plan.source(topic)
    file = domain.data_file(topic)
    if not file.exists():
        make_data(domain)
    if not file.exists():
        raise DomainError(str(file), "is missing", "put the topic's history there, or let data/make.py make it")
    keys = next((view.keys for view in plan.views_of(topic)), ())
    try:
        events = pq.read_table(file, columns=[column.name for column in source.columns])
    except (pa.ArrowInvalid, OSError) as error:
        raise DomainError(str(file), f"is not a Parquet file of topic {topic} ({error})", "make it anew") from error
    missing = [column.name for column in source.columns if column.name not in events.column_names]
    if missing:
        raise DomainError(str(file), f"has no column {missing[0]}", f"topic {topic} declares it")
    return History(source, [key.name for key in keys], events, registry)


def make_data(domain: Domain) -> None:
    """Run the domain's ``data/make.py``, if it has one."""
    maker = domain.repo / "data" / "make.py"
    if not maker.exists():
        return
    try:
        made = subprocess.run(
            [sys.executable, str(maker)],
            cwd=domain.repo,
            capture_output=True,
            text=True,
            timeout=MAKE_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DomainError(
            str(maker), f"has not ended within {MAKE_DEADLINE_S:.0f} s", "run it by hand, or make less"
        ) from None
    if made.returncode != 0:
        said = made.stderr.strip().rpartition("\n")[2]
        raise DomainError(str(maker), f"ended with code {made.returncode} ({said})", "run it by hand to see why")


def recorded_topics(domain: Domain, plan: Plan) -> list[str]:
    """The topics of the domain that have a history."""
    if not any(domain.data_file(source.topic).exists() for source in plan.sources):
        make_data(domain)
    return [source.topic for source in plan.sources if domain.data_file(source.topic).exists()]
