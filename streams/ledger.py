"""What was read of one partition and is not in the lake yet."""

from __future__ import annotations

from features.decode import Decoded
from features.lake import LakeBatch
from streams.batch import Batch


class Ledger:
    """Rows of one partition, in order and without gaps, on their way into one lake file."""

    def __init__(self, *, flush_rows: int, flush_s: float) -> None:
        self._flush_rows = flush_rows
        self._flush_s = flush_s
        self._flushed_at = float("-inf")
        self._clear()

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def due_at(self) -> float | None:
        """When its rows are to be written, by the clock that `take` is told; None when it has none."""
        if not self._offsets:
            return None
        return float("-inf") if len(self._offsets) >= self._flush_rows else self._flushed_at + self._flush_s

    @property
    def is_due_at_once(self) -> bool:
        """Whether its rows are to be written before others are read."""
        due_at = self.due_at
        return due_at == float("-inf") or (due_at is not None and not self._flush_s)

    def add(self, batch: Batch, decoded: Decoded) -> None:
        """Enter a batch."""
        shift = len(self._offsets)
        if not shift:
            self._first_offset = batch.first_offset
        self._next_offset = batch.next_offset
        self._offsets += batch.offsets
        self._kafka_us += batch.kafka_us
        self._values += batch.values
        self._decoded.raw.extend(decoded.raw)
        self._decoded.columns.extend(decoded.columns)
        self._decoded.event_us.extend(decoded.event_us)
        self._decoded.reasons.update({i + shift: reason for i, reason in decoded.reasons.items()})
        self._redrives.update(batch.redrives)

    def take(self, now_s: float) -> LakeBatch:
        """All rows, to be written now; the ledger is empty afterwards."""
        taken = LakeBatch(
            self._next_offset,
            self._offsets,
            self._kafka_us,
            self._values,
            self._decoded,
            self._first_offset,
            self._redrives,
        )
        self._flushed_at = now_s
        self._clear()
        return taken

    def _clear(self) -> None:
        self._first_offset = self._next_offset = 0
        self._offsets: list[int] = []
        self._kafka_us: list[int] = []
        self._values: list[bytes | None] = []
        self._decoded = Decoded([], [], [], {})
        self._redrives: dict[int, str] = {}
