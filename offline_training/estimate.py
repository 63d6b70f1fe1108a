"""A figure that was estimated from a sample."""

from __future__ import annotations

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return format(self, ".4f")

    def __format__(self, how: str) -> str:
        return f"{self.value:{how}} [{self.low:{how}}, {self.high:{how}}]" if how else str(self)
