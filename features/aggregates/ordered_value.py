"""The value of the first, or of the last, of some events: a cell that sorts as its event does.

Events are ordered by time, and those of one time by log, partition and offset, which is a total order: no two events
share a position. So the least and the greatest of a set do not depend on how it was gathered.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from features.aggregates.accumulator import EMPTY_CELL

_ORDER = struct.Struct(">Q22sIQ")
_VALUE = struct.Struct("<q")
_FROM_ZERO = 1 << 63


def order_key(event_us: int, log: str, partition: int, offset: int) -> bytes:
    """Bytes that sort as events do: by time, then by log (its text form), partition and offset.

    Parameters
    ----------
    event_us
        Event time, from -2^63 on.
    log, partition, offset
        The event's position.

    Returns
    -------
    bytes
        42 of them.

    Examples
    --------
    >>> log = "AAAAAAAAQACAAAAAAAAAAQ"
    >>> order_key(-1, log, 9, 9) < order_key(5, log, 0, 256) < order_key(5, log, 1, 7)
    True

    """
    return _ORDER.pack(event_us + _FROM_ZERO, log.encode(), partition, offset)


def value_of(cell: bytes) -> int:
    """The quantised value in a cell that is not empty."""
    (value,) = _VALUE.unpack_from(cell, _ORDER.size)
    return int(value)


class FirstValue:
    """Keeps the event that stands first."""

    ordered = True

    def lift(self, values: Sequence[int], orders: Sequence[bytes]) -> bytes:
        """Cell of the first of these events."""
        order, value = min(zip(orders, values, strict=True))
        return order + _VALUE.pack(value)

    def merge(self, cells: Iterable[bytes]) -> bytes:
        """The least cell that is not empty."""
        return min(filter(None, cells), default=EMPTY_CELL)


class LastValue:
    """Keeps the event that stands last."""

    ordered = True

    def lift(self, values: Sequence[int], orders: Sequence[bytes]) -> bytes:
        """Cell of the last of these events."""
        order, value = max(zip(orders, values, strict=True))
        return order + _VALUE.pack(value)

    def merge(self, cells: Iterable[bytes]) -> bytes:
        """The greatest cell; an empty one is less than all."""
        return max(cells, default=EMPTY_CELL)
