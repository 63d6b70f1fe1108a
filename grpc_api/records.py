"""Every score leaves a record on ``millstream.scores``, by a bounded queue that never holds up a request."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

import structlog
from confluent_kafka import KafkaError, Producer

from features.nouns import SCORES_TOPIC
from grpc_api.metrics import ScorerMetrics
from grpc_api.score_record import encode_record
from grpc_api.scoring import Scored

logger: Final = structlog.get_logger(__name__)

TICK_S: Final = 0.01
FLUSH_S: Final = 7.0
"""With the time to drain less than a parent waits for a scorer to end."""

COMPLAIN_S: Final = 60.0
STALL_S: Final = 10.0
"""With records in its queue and none delivered for so long, a client is replaced."""


METADATA_MS = 10_000
"""How long until partitions that were added to the topic are written to; the workers look as often."""


class RecordSink(Protocol):
    """Where the records of scores go."""

    def send(self, scores: Sequence[Scored]) -> None:
        """Take scores whose records are wanted; never blocks, never raises."""
        ...


class KafkaRecords:
    """Sends records to the broker, in the order taken and none twice (idempotent producer).

    A score's record is written at once, so that its states need not be kept; a thread hands the records to its
    client. When the broker is away the client's queue fills; what no longer fits is dropped and counted. A client
    that delivers nothing is replaced, and its queue sent by the next: librdkafka 2 never recovers from a broker that
    has forgotten its producer id (it raises its epoch for ever, without an error), and fatal errors end any
    idempotent producer.
    """

    def __init__(
        self, *, bootstrap_servers: str, queue_records: int, metrics: ScorerMetrics, topic: str = SCORES_TOPIC
    ) -> None:
        self._topic = topic
        self._limit = queue_records
        self._queued = metrics.records.labels("queued")
        self._dropped = metrics.records.labels("dropped")
        self._failed = metrics.records.labels("failed")
        self._waiting: deque[bytes] = deque()
        self._complain_after_s = 0.0
        self._client = {
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 10,
            "topic.metadata.refresh.interval.ms": METADATA_MS,
            "queue.buffering.max.messages": queue_records,
            "delivery.report.only.error": True,
            "error_cb": self._on_error,
            "log_level": 0,  # it would write to stderr twice a second while the broker is away
        }
        self._producer = Producer(self._client)
        self._n_produced = self._n_settled = 0
        self._settled_at_s = time.monotonic()
        self._unsent: list[bytes] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._thread.start()

    def send(self, scores: Sequence[Scored]) -> None:
        """Queue records, or drop and count them."""
        room = self._limit - len(self._waiting)
        for scored in scores[:room]:
            try:
                self._waiting.append(encode_record(scored))
            except Exception:
                logger.exception("record_not_written", request_id=scored.asked.request_id)
                self._dropped.inc()
        if len(scores) > room:
            self._dropped.inc(len(scores) - room)

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
            if self._is_stalled(time.monotonic()):
                self._replace_client()
        while self._waiting:
            self._send_waiting()

    def _send_waiting(self) -> None:
        n = len(self._waiting)  # what comes meanwhile is for the next time
        if not n:
            return
        n_queued = self._produce([self._waiting.popleft() for _ in range(n)])
        self._queued.inc(n_queued)
        self._dropped.inc(n - n_queued)

    def _produce(self, records: Sequence[bytes]) -> int:
        """Hand over records; how many the client had room for."""
        n_queued: int = self._producer.produce_batch(
            self._topic, [{"value": record} for record in records], on_delivery=self._on_failure
        )
        self._n_produced += n_queued
        return n_queued

    def _is_stalled(self, now_s: float) -> bool:
        """Whether the client holds records and has settled none (delivered or given up) for `STALL_S`."""
        n_held = len(self._producer)
        n_settled = self._n_produced - n_held
        if n_settled != self._n_settled or not n_held:
            self._n_settled, self._settled_at_s = n_settled, now_s
        return now_s - self._settled_at_s > STALL_S

    def _replace_client(self) -> None:
        stalled, self._producer = self._producer, Producer(self._client)
        self._n_produced = self._n_settled = 0
        self._settled_at_s = time.monotonic()
        stalled.purge()
        stalled.flush(0)  # tells of each record that it held, see `_on_failure`
        logger.warning("records_client_replaced", unsent=len(self._unsent))
        unsent, self._unsent = self._unsent, []
        self._failed.inc(len(unsent) - self._produce(unsent))

    def _on_failure(self, error: KafkaError | None, message: Any) -> None:
        """The client gave one record up; one that never left a client that was replaced is sent by the next."""
        if error is None:
            return
        if error.code() == KafkaError._PURGE_QUEUE:
            self._unsent.append(message.value())
        else:
            self._failed.inc()

    def _on_error(self, error: KafkaError) -> None:
        """The client recovers by itself; the log says once a minute from what."""
        now_s = time.monotonic()
        if now_s >= self._complain_after_s:
            self._complain_after_s = now_s + COMPLAIN_S
            logger.warning("broker", problem=error.str())
