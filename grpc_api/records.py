"""Every score leaves a record on ``millstream.scores``, by a bounded queue that never holds up a request."""

from __future__ import annotations

import threading
from typing import Any, Final, Protocol

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from features.nouns import SCORES_TOPIC, ScoreRecord
from grpc_api.metrics import ScorerMetrics

logger: Final = structlog.get_logger(__name__)

FLUSH_S: Final = 10.0


class RecordSink(Protocol):
    """Where score records go."""

    def send(self, record: ScoreRecord) -> None:
        """Take a record; never blocks, never raises."""
        ...


class KafkaRecords:
    """Sends records to the broker, in the background, in the order taken and none twice (idempotent producer).

    When the broker is away the queue fills; what no longer fits is dropped and counted.
    """

    def __init__(
        self, *, bootstrap_servers: str, queue_records: int, metrics: ScorerMetrics, topic: str = SCORES_TOPIC
    ) -> None:
        self._topic = topic
        self._encode = msgspec.json.Encoder().encode
        self._queued = metrics.records.labels("queued")
        self._dropped = metrics.records.labels("dropped")
        self._failed = metrics.records.labels("failed")
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 10,
                "queue.buffering.max.messages": queue_records,
                "delivery.report.only.error": True,
                "error_cb": _on_error,
            }
        )
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._thread.start()

    def send(self, record: ScoreRecord) -> None:
        """Queue a record, or drop and count it when the queue is full."""
        try:
            self._producer.produce(self._topic, self._encode(record), on_delivery=self._on_failure)
        except (BufferError, KafkaException):
            self._dropped.inc()
        else:
            self._queued.inc()

    def close(self, timeout_s: float = FLUSH_S) -> int:
        """Wait for what is queued; how many records were still not delivered then (they are counted as failed)."""
        self._closing.set()
        self._thread.join()
        left: int = self._producer.flush(timeout_s)
        if left:
            logger.error("records_not_delivered", left=left)
            self._failed.inc(left)
        return left

    def _on_failure(self, error: KafkaError | None, _message: Any) -> None:
        """Librdkafka gave one up."""
        if error is not None:
            self._failed.inc()

    def _run(self) -> None:
        """Serve the callbacks of failed records."""
        while not self._closing.is_set():
            self._producer.poll(0.2)


def _on_error(error: KafkaError) -> None:
    """The client recovers by itself; the log says what from."""
    logger.warning("broker", problem=error.str())
