"""From produce to readable, in an open loop: events are sent by the clock, whether or not what takes them keeps up.

One event at a time is followed: it is one of the stream, and nothing beside it is sent. From the instant before it is
given to the Kafka client, its account is read every half millisecond until the answer holds its time. Between two
events that are followed nothing is read, so the reading takes a small share of the servers' core and none of the
worker's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Final, NamedTuple

from confluent_kafka import Producer

from deploy.bench_stream_traffic import PARTITIONS, account_id, event_amount, event_value
from deploy.stream_bench.load import Accounts
from features.errors import NotServingError

WARM_UP: Final = 0.2
"""Share of the time before events count."""
READ_EVERY_S: Final = 0.0005
PROBE_EVERY_S: Final = 0.02
LOST_S: Final = 10.0
LEAST_PACE: Final = 0.95
"""Share of the pace that must have been sent: bench and servers share a core."""
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


class Followed(NamedTuple):
    """An event that is waited for."""

    account_id: str
    at_us: int
    sent_s: float


class OpenLoop:
    """Sends an account's events to its partition at an even pace from now on."""

    def __init__(self, bootstrap_servers: str, topic: str, accounts: Accounts, per_second: float) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, **PRODUCER})
        self._topic = topic
        self._accounts: list[int] = accounts.tolist()
        self._per_second = per_second
        self._began_s = time.perf_counter()
        self._newest_us = 0
        self.n_sent = 0

    def send_due(self) -> None:
        """Send what the clock says should have been sent."""
        due = int((time.perf_counter() - self._began_s) * self._per_second)
        while self.n_sent < due:
            self.send_next()
        self._producer.poll(0)

    def send_next(self) -> Followed:
        """Send one event, whose time is later than all before it."""
        number = self._accounts[self.n_sent % len(self._accounts)]
        self._newest_us = at_us = max(self._newest_us + 1, time.time_ns() // 1_000)
        value = event_value(number, at_us, event_amount(self.n_sent))
        sent_s = time.perf_counter()
        self._producer.produce(self._topic, value, partition=number % PARTITIONS)
        self.n_sent += 1
        return Followed(account_id(number), at_us, sent_s)

    def close(self) -> None:
        """Send what waits."""
        self._producer.flush(LOST_S)


def measure_freshness(loop: OpenLoop, newest_us: Callable[[str], int], seconds: float, per_second: float) -> Freshness:
    """Follow events for so long; NotServingError when one cannot be read in time."""
    began_s = time.perf_counter()
    taken_ms = follow(loop, newest_us, seconds)
    sent_per_second = loop.n_sent / (time.perf_counter() - began_s)
    if sent_per_second < LEAST_PACE * per_second:
        problem = f"the bench sent {sent_per_second:,.0f} of {per_second:,.0f} events a second"
        raise NotServingError("freshness", problem)
    return Freshness(round(sent_per_second), len(taken_ms), *percentiles(taken_ms))


def follow(loop: OpenLoop, newest_us: Callable[[str], int], seconds: float) -> list[float]:
    """Milliseconds of each event that was followed after the warm-up."""
    taken_ms: list[float] = []
    began_s = next_s = time.perf_counter()
    waiting: list[Followed] = []
    while (now_s := time.perf_counter()) < began_s + seconds or waiting:
        loop.send_due()
        if next_s <= now_s < began_s + seconds:  # whether or not the one before can be read
            waiting.append(loop.send_next())
            next_s += PROBE_EVERY_S
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
    if len(taken_ms) < 2:
        raise NotServingError("freshness", "too few events could be followed")
    return round(median(taken_ms), 1), round(quantiles(taken_ms, n=100, method="inclusive")[98], 1)
