"""Every score leaves a record on ``millstream.scores``, by a bounded queue that never holds up a request."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Final, Protocol

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from features.nouns import SCORES_TOPIC
from grpc_api.metrics import ScorerMetrics
from grpc_api.scoring import Scored, to_record

logger: Final = structlog.get_logger(__name__)

TICK_S: Final = 0.01
FLUSH_S: Final = 10.0
COMPLAIN_S: Final = 60.0


class RecordSink(Protocol):
    """Where the records of scores go."""

    def send(self, scored: Scored) -> None:
        """Take a score whose record is wanted; never blocks, never raises."""
        ...


class KafkaRecords:
    """Sends records to the broker, in the order taken and none twice (idempotent producer).

    A request only puts its score in a queue; a thread writes the records. When the broker is away its client's queue
    fills; what no longer fits is dropped and counted.
    """

    def __init__(
        self, *, bootstrap_servers: str, queue_records: int, metrics: ScorerMetrics, topic: str = SCORES_TOPIC
    ) -> None:
        self._topic = topic
        self._limit = queue_records
        self._encode = msgspec.json.Encoder().encode
        self._queued = metrics.records.labels("queued")
        self._dropped = metrics.records.labels("dropped")
        self._failed = metrics.records.labels("failed")
        self._waiting: deque[Scored] = deque()
        self._complain_after_s = 0.0
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 10,
                "queue.buffering.max.messages": queue_records,
                "delivery.report.only.error": True,
                "error_cb": self._on_error,
                "log_level": 0,  # it would write to stderr twice a second while the broker is away
            }
        )
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._thread.start()

    def send(self, scored: Scored) -> None:
        """Queue a score, or drop its record and count that."""
        if len(self._waiting) < self._limit:
            self._waiting.append(scored)
        else:
            self._dropped.inc()

    def close(self, timeout_s: float = FLUSH_S) -> int:
        """Send what is queued; how many records were still not delivered after the time (they count as failed)."""
        self._closing.set()
        self._thread.join()
        left: int = self._producer.flush(timeout_s)
        if left:
            logger.error("records_not_delivered", left=left)
            self._failed.inc(left)
        return left

    def _run(self) -> None:
        while not self._closing.wait(TICK_S):
            self._send_waiting()
            self._producer.poll(0)
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting:
            scored = self._waiting.popleft()
            try:
                self._producer.produce(self._topic, self._encode(to_record(scored)), on_delivery=self._on_failure)
            except (BufferError, KafkaException):
                self._dropped.inc()
            except Exception:
                logger.exception("record_not_written", request_id=scored.asked.request_id)
                self._dropped.inc()
            else:
                self._queued.inc()

    def _on_failure(self, error: KafkaError | None, _message: Any) -> None:
        """The client gave one record up."""
        if error is not None:
            self._failed.inc()

    def _on_error(self, error: KafkaError) -> None:
        """The client recovers by itself; the log says once a minute from what."""
        now_s = time.monotonic()
        if now_s >= self._complain_after_s:
            self._complain_after_s = now_s + COMPLAIN_S
            logger.warning("broker", problem=error.str())
