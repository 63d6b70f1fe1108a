"""Sends the payments of a run at an even pace, whatever happens to the rest of the site."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from deploy.faults.payments import TOPIC, Payment, Payments
from deploy.faults.sent import Sent
from features.errors import BrokerUnavailableError

FLUSH_S: Final = 120.0
TICK_S: Final = 0.01


class Traffic(threading.Thread):
    """A thread that sends. What was due while it was paused, or the broker away, it sends afterwards.

    Parameters
    ----------
    bootstrap_servers
        The broker.
    payments, sent
        What to send, and where to enter what was taken.
    seconds
        How long all of it may take.

    """

    def __init__(self, bootstrap_servers: str, payments: Payments, sent: Sent, *, seconds: float) -> None:
        super().__init__(name="traffic", daemon=True)
        self._bootstrap_servers = bootstrap_servers
        self._payments = payments
        self._sent = sent
        self._per_second = payments.n_events / seconds
        self._may_send, self._is_quiet = threading.Event(), threading.Event()
        self._ended = False
        self._log = ""
        self._n_produced = 0
        self._n_partitions = payments.n_partitions
        self._failure: BaseException | None = None

    def resume(self, log: str) -> None:
        """Send, knowing that the topic is this log."""
        self._log = log
        self._is_quiet.clear()
        self._may_send.set()

    def pause(self) -> None:
        """Send nothing from now on; returns once all that was sent is acknowledged by the broker, and saved."""
        self._may_send.clear()
        self._wait(self._is_quiet, FLUSH_S)

    def spread(self, n_partitions: int) -> None:
        """Send to so many partitions from now on."""
        self._n_partitions = n_partitions

    def poison(self, n: int) -> None:
        """Let the next records all be bad."""
        self._payments.poison(n)

    def finish(self, deadline_s: float) -> None:
        """Return once everything is sent and acknowledged."""
        self.join(deadline_s)
        if self._failure is not None or self.is_alive():
            raise BrokerUnavailableError("broker", f"not all was sent: {self._failure or 'it does not end'}")

    def end(self) -> None:
        """Send no more, finished or not."""
        self._ended = True
        self._may_send.set()
        if self.is_alive():
            self.join(TICK_S + FLUSH_S)

    def run(self) -> None:
        """See `threading.Thread`."""
        try:
            self._send(iter(self._payments))
            self._sent.save()
        except BaseException as error:
            self._failure = error
        self._is_quiet.set()

    def _send(self, payments: Iterator[Payment]) -> None:
        producer = self._new_producer()
        began_s = time.monotonic()
        while not self._ended and self._n_produced < self._payments.n_events:
            if not self._may_send.is_set():
                flush(producer)
                self._sent.save()
                self._is_quiet.set()
                self._may_send.wait()
                producer = self._new_producer()  # one that has not heard of the log before
            if self._n_partitions != self._payments.n_partitions:
                flush(producer)
                producer = self._new_producer()  # one that has not heard of fewer partitions
                self._payments.spread(self._n_partitions)
            due = min(self._payments.n_events, int((time.monotonic() - began_s + TICK_S) * self._per_second))
            while self._n_produced < due and self._may_send.is_set():
                self._produce(producer, next(payments))
            producer.poll(TICK_S)
        flush(producer)

    def _produce(self, producer: Producer, payment: Payment) -> None:
        taken = self._taken(payment, self._log)
        while True:
            try:
                producer.produce(TOPIC, payment.value, partition=payment.partition, on_delivery=taken)
            except BufferError:
                producer.poll(TICK_S)
                continue
            self._n_produced += 1
            if self._n_produced % 500 == 0:
                producer.poll(0)
            return

    def _taken(self, payment: Payment, log: str) -> Callable[[KafkaError | None, Message], None]:
        def taken(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise BrokerUnavailableError("broker", f"a record was not taken: {error}")
            self._sent.add(payment, log, message.partition(), message.offset())

        return taken

    def _new_producer(self) -> Any:
        """One whose records the broker takes once each and in order, also over its own restart."""
        return Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )

    def _wait(self, event: threading.Event, deadline_s: float) -> None:
        if not event.wait(deadline_s) or self._failure is not None:
            raise BrokerUnavailableError("broker", f"records are not acknowledged: {self._failure or 'in time'}")


def flush(producer: Any) -> None:
    """Return once all is acknowledged."""
    if left := producer.flush(FLUSH_S):
        raise BrokerUnavailableError("broker", f"{left} records are not acknowledged after {FLUSH_S:.0f} s")
