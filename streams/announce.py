"""Dead letters announced on their topic, keyed by position. The lake holds them in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from features.nouns import DEAD_LETTERS_TOPIC, DeadLetter
from streams.metrics import WorkerMetrics

DEADLINE_S = 5.0
RETRY_S = 30.0
"""After a failure, announcements are given up for this long: bad records must not slow the good ones."""

log: Final = structlog.get_logger(__name__)


class Announcer:
    """Sends dead letters, and counts those that the broker did not take in time."""

    def __init__(self, *, bootstrap_servers: str, metrics: WorkerMetrics) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._metrics = metrics
        self._producer: AIOKafkaProducer | None = None
        self._silent_until = 0.0

    async def announce(self, letters: Sequence[DeadLetter]) -> None:
        """Send all and wait until they are taken, or for the deadline."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._silent_until:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await self._send(letters)
                return
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("dead letters stand in the lake only", n=len(letters), error=repr(error))
                self._silent_until = loop.time() + RETRY_S
        for letter in letters:
            self._metrics.unannounced.labels(letter.topic).inc()

    async def close(self) -> None:
        """Stop the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _send(self, letters: Sequence[DeadLetter]) -> None:
        if self._producer is None:
            producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap_servers, acks="all", linger_ms=5)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        sent = [
            await self._producer.send(
                DEAD_LETTERS_TOPIC, key=position_of(letter).encode(), value=msgspec.json.encode(letter)
            )
            for letter in letters
        ]
        await asyncio.gather(*sent)


def position_of(letter: DeadLetter) -> str:
    """``log/partition/offset``: the key of an announcement, and what a re-drive names."""
    return f"{letter.log}/{letter.partition}/{letter.offset}"
