"""The commutative monoids that every partial result is made of."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Monoid: TypeAlias = Literal["add", "min", "max", "first", "last", "buckets", "distinct"]
"""How two partials merge. Those of ``add``, ``min`` and ``max`` are integers, those of the others are cells: bytes."""

Lift: TypeAlias = Literal["one", "value", "square", "time"]
"""What one event contributes: 1, the column's value (numbers quantised), its square, or the event's time.

Nothing where the column is null.
"""

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
