"""From produce to readable, in an open loop: events are sent by the clock, whether or not what takes them keeps up.

They are sent in slices of some milliseconds, encoded beforehand, so that sending and the broker leave room on the
servers' core. The first event of a slice is followed now and then: it is one of the stream, and nothing beside it is
sent. From the instant before it is given to the Kafka client, its account is read every two milliseconds until the
answer holds its time; what it took is rounded up by that much. Where nothing is followed nothing is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Final, NamedTuple

import numpy as np
from confluent_kafka import Producer

from deploy.bench_stream_traffic import PARTITIONS, account_id, event_amount, event_value
from deploy.stream_bench.core_share import CoreShare, refuse_full
from deploy.stream_bench.load import Accounts
from features.errors import NotServingError

WARM_UP: Final = 0.2
"""Share of the time before events count."""
SLICE_S: Final = 0.004
READ_EVERY_S: Final = 0.002
FOLLOW_EVERY_S: Final = 0.02
LOST_S: Final = 10.0
LEAST_PACE: Final = 0.95
"""Share of the pace that must have been sent: bench and servers share a core."""
LEAST_FOLLOWED: Final = 100
"""Fewer have no 99th percentile."""
LINGER_MS: Final = 1
PRODUCER: Final = {
    "linger.ms": LINGER_MS,
    "max.in.flight": 1,  # with more, a broker that is slow for a moment is sent ever more requests of a few events
    "queue.buffering.max.messages": 1_000_000,
    "log_level": 0,
}


class Freshness(NamedTuple):
    """Milliseconds from produce to readable, over so many events that were followed."""

    events_per_second: int
    n_followed: int
    p50_ms: float
    p99_ms: float
    servers_core: dict[str, float]
    """How much of the servers' core each process on it used."""


class Followed(NamedTuple):
    """An event that is waited for."""

    account_id: str
    at_us: int
    sent_s: float


class OpenLoop:
    """Sends an account's events to its partition at an even pace, from `start` on for so many seconds."""

    def __init__(
        self, bootstrap_servers: str, topic: str, accounts: Accounts, per_second: float, seconds: float
    ) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, **PRODUCER})
        self._topic = topic
        self._per_second = per_second
        self._began_us, self._step_us = time.time_ns() // 1_000, 1e6 / per_second
        self._numbers: list[int] = np.resize(accounts, int(per_second * seconds)).tolist()
        self._values = [event_value(number, self._at_us(i), event_amount(i)) for i, number in enumerate(self._numbers)]
        self._began_s = 0.0
        self.n_sent = 0

    def start(self) -> None:
        """Connect, and let the clock run."""
        self._producer.list_topics(self._topic, timeout=LOST_S)
        self._began_s = time.perf_counter()

    def send_due(self) -> Followed | None:
        """Send the slices that the clock says should have been sent; the first event of them."""
        n_slices = int((time.perf_counter() - self._began_s) / SLICE_S)
        first, due = self.n_sent, min(len(self._values), int(n_slices * SLICE_S * self._per_second))
        self._producer.poll(0)
        if first == due:
            return None
        sent_s, produce, topic = time.perf_counter(), self._producer.produce, self._topic
        for number, value in zip(self._numbers[first:due], self._values[first:due], strict=True):
            produce(topic, value, partition=number % PARTITIONS)
        self.n_sent = due
        return Followed(account_id(self._numbers[first]), self._at_us(first), sent_s)

    def close(self) -> None:
        """Send what waits."""
        self._producer.flush(LOST_S)

    def _at_us(self, index: int) -> int:
        """Its time is later than that of every event before it."""
        return self._began_us + int(index * self._step_us)


def measure_freshness(
    loop: OpenLoop, newest_us: Callable[[str], int], seconds: float, per_second: float, core: CoreShare
) -> Freshness:
    """Follow events for so long; NotServingError when one cannot be read in time, or the servers' core was full."""
    loop.start()
    core.start()
    began_s = time.perf_counter()
    taken_ms = follow(loop, newest_us, seconds)
    shares = core.shares()
    refuse_full(shares)
    sent_per_second = loop.n_sent / min(seconds, time.perf_counter() - began_s)
    if sent_per_second < LEAST_PACE * per_second:
        problem = f"the bench sent {sent_per_second:,.0f} of {per_second:,.0f} events a second"
        raise NotServingError("freshness", problem)
    return Freshness(round(sent_per_second), len(taken_ms), *percentiles(taken_ms), shares)


def follow(loop: OpenLoop, newest_us: Callable[[str], int], seconds: float) -> list[float]:
    """Milliseconds of each event that was followed after the warm-up."""
    taken_ms: list[float] = []
    began_s = next_s = time.perf_counter()
    waiting: list[Followed] = []
    while (now_s := time.perf_counter()) < began_s + seconds or waiting:
        sent = loop.send_due()
        if sent is not None and next_s <= now_s < began_s + seconds:  # whether or not the one before can be read
            waiting.append(sent)
            next_s += FOLLOW_EVERY_S
        if waiting and newest_us(waiting[0].account_id) >= waiting[0].at_us:
            first = waiting.pop(0)
            if first.sent_s >= began_s + WARM_UP * seconds:
                taken_ms.append((time.perf_counter() - first.sent_s) * 1e3)
            continue  # the next one of a pause may be there by now
        if waiting and now_s - waiting[0].sent_s > LOST_S:
            raise NotServingError("freshness", f"an event cannot be read {LOST_S:.0f} s after it was sent")
        time.sleep(READ_EVERY_S)
    return taken_ms


def percentiles(taken_ms: list[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    if len(taken_ms) < LEAST_FOLLOWED:
        raise NotServingError("freshness", f"{len(taken_ms)} events could be followed, too few for percentiles")
    return round(median(taken_ms), 1), round(quantiles(taken_ms, n=100, method="inclusive")[98], 1)
