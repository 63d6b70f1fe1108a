"""Notices that a topic was made anew under a running consumer, before anything read from it counts.

Kafka's fetch protocol (as the client speaks it) names topics, not logs: after a broker that forgets, or a topic deleted
and made again, a fetch at the old offset may return records of the new log. A topic id never comes back, so asking for
it after each fetch tells for certain which log the records are from; an answer from before the fetch would not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

import structlog

from features.errors import BrokerUnavailableError
from streams.assignment import Assignment
from streams.logs import LogInfo

log = structlog.get_logger(__name__)


class TopicLogs(Protocol):
    """The part of the broker that tells which log a topic is."""

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        """Log and partitions of each topic that exists."""
        ...


class LogWatch:
    """Compares the logs that topics are now with those that the lanes were started on."""

    def __init__(self, *, logs: TopicLogs, lanes: Assignment) -> None:
        self._logs = logs
        self._lanes = lanes

    async def same_logs(self, topics: Collection[str]) -> bool:
        """False when one of these topics is another log now, or the broker cannot tell; ask after the fetch."""
        try:
            described = await asyncio.to_thread(self._logs.describe, sorted(topics))
        except BrokerUnavailableError as error:
            log.warning("fetched records are dropped, for their log cannot be told", error=str(error))
            return False
        for lane in self._lanes.running():
            if lane.topic not in topics:
                continue
            info = described.get(lane.topic)
            if info is None or info.log != lane.log:
                log.warning(
                    "a topic is another log now: starting anew", topic=lane.topic, was=lane.log, now=info and info.log
                )
                return False
        return True
