"""Notices that a topic was made anew under a running consumer, before anything read from it counts.

Kafka's fetch protocol (as the client speaks it) names topics, not logs: after a broker that forgets, or a topic deleted
and made again, a fetch at the old offset may return records of the new log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from features.errors import BrokerUnavailableError
from streams.assignment import Assignment
from streams.logs import LogInfo

DOUBT_S = 1.0
"""How old an answer may be over unchanged connections. A topic can only be remade unseen within it if it also outgrows
the position of its reader in that time, without the reader's standing fetch failing in between."""

log: Final = structlog.get_logger(__name__)


class TopicLogs(Protocol):
    """The part of the broker that tells which log a topic is."""

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        """Log and partitions of each topic that exists."""
        ...


class LogWatch:
    """Asks for topic ids when connections are new, or the last answer is old."""

    def __init__(self, *, logs: TopicLogs, lanes: Assignment) -> None:
        self._logs = logs
        self._lanes = lanes
        self._connections: object = None
        self._asked_at = float("-inf")

    async def same_logs(self, connections: object) -> bool:
        """False when a running lane's topic is another log now, or the broker cannot tell."""
        now = time.monotonic()
        if connections == self._connections and now - self._asked_at < DOUBT_S:
            return True
        lanes = self._lanes.running()
        try:
            described = await asyncio.to_thread(self._logs.describe, sorted({lane.topic for lane in lanes}))
        except BrokerUnavailableError as error:
            log.warning("fetched records are dropped, for their log cannot be told", error=str(error))
            return False
        for lane in lanes:
            info = described.get(lane.topic)
            if info is None or info.log != lane.log:
                log.warning(
                    "a topic is another log now: starting anew", topic=lane.topic, was=lane.log, now=info and info.log
                )
                return False
        self._connections, self._asked_at = connections, now
        return True
