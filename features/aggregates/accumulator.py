"""The commutative monoids that every partial result is made of."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Monoid: TypeAlias = Literal["add", "min", "max", "first", "last", "buckets", "distinct"]
"""How two partials merge. Those of ``add``, ``min`` and ``max`` are integers, those of the others are cells: bytes."""

Lift: TypeAlias = Literal["one", "value", "square_low", "square_high", "time"]
"""What one event contributes: 1, the column's value (numbers quantised), the lower ``SQUARE_BITS`` of its square or
those above them, or the event's time. Nothing where the column is null.

A square has up to 104 bits; its parts are kept apart so that sums of them have 64.
"""

SQUARE_BITS: Final = 42

Partial: TypeAlias = int | bytes

EMPTY_MIN: Final = 2**63 - 1
EMPTY_MAX: Final = -(2**63)
EMPTY_CELL: Final = b""

IDENTITY: Final[dict[Monoid, int]] = {"add": 0, "min": EMPTY_MIN, "max": EMPTY_MAX}
"""Partial of no events, of the monoids of integers; a cell of no events is ``EMPTY_CELL``."""


class Accumulator(NamedTuple):
    """One partial that a state keeps: events of one column, lifted and merged."""

    monoid: Monoid
    lift: Lift
    column: str

    @property
    def is_cell(self) -> bool:
        """Whether the partial is bytes."""
        return self.monoid not in IDENTITY
