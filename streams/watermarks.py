"""How event time runs in each partition: the watermark, and how far events lie behind it, or ahead of Kafka's clock.

A watermark is the newest valid event time that was read of a partition. No event is held back or refused for it: late
events count like any other. It tells operators how far the data has come, and how disordered it is.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from features.decode import Decoded
from streams.batch import Batch
from streams.metrics import WorkerMetrics


class Watermark:
    """One partition of one log; both instants are -1 at first, ``next_offset`` is the first not looked at."""

    __slots__ = ("kafka_us", "newest_us", "next_offset")

    def __init__(self) -> None:
        self.newest_us = self.kafka_us = -1
        self.next_offset = 0

    @property
    def lag_us(self) -> int:
        """How far the newest event time lies behind the newest Kafka timestamp; it stands still while nothing comes."""
        return self.kafka_us - self.newest_us


class Watermarks:
    """The watermarks of every partition that this worker has read; records that are read again change nothing."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._lateness = metrics.lateness
        self._ahead = metrics.ahead
        self._marks: dict[tuple[str, str, int], Watermark] = {}

    def of(self, topic: str, log: str, partition: int) -> Watermark | None:
        """One partition's; None before its first valid event."""
        mark = self._marks.get((topic, log, partition))
        return mark if mark is not None and mark.newest_us >= 0 else None

    def observe(self, batch: Batch, decoded: Decoded) -> None:
        """Look at a batch: a few array operations, whatever its size."""
        mark = self._marks.setdefault((batch.topic, batch.log, batch.partition), Watermark())
        begin = bisect_left(batch.offsets, mark.next_offset) if batch.first_offset < mark.next_offset else 0
        mark.next_offset = max(mark.next_offset, batch.next_offset)
        event_us, kafka_us = (np.array(column[begin:], np.int64) for column in (decoded.event_us, batch.kafka_us))
        mark.kafka_us = max(mark.kafka_us, int(kafka_us.max(initial=-1)))
        if decoded.reasons:
            valid = event_us >= 0
            event_us, kafka_us = event_us[valid], kafka_us[valid]
        if not len(event_us):
            return
        newest_us = np.maximum.accumulate(event_us)
        if mark.newest_us >= 0:
            np.maximum(newest_us, mark.newest_us, out=newest_us)
        mark.newest_us = int(newest_us[-1])
        self._lateness.observe((batch.topic,), (newest_us - event_us) / 1e6)
        self._ahead.observe((batch.topic,), np.maximum(event_us - kafka_us, 0) / 1e6)
