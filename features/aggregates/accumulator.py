"""The commutative monoids of integers that every partial result is made of."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Monoid: TypeAlias = Literal["add", "min", "max"]
"""How two partials merge."""

Lift: TypeAlias = Literal["one", "value", "time"]
"""What one event contributes: 1, the column's quantised value, or its event time; nothing where the column is null."""

EMPTY_MIN = 2**63 - 1
EMPTY_MAX = -(2**63)

IDENTITY: dict[Monoid, int] = {"add": 0, "min": EMPTY_MIN, "max": EMPTY_MAX}
"""Partial of no events."""


class Accumulator(NamedTuple):
    """One integer that a state keeps: events of one column, lifted and merged."""

    monoid: Monoid
    lift: Lift
    column: str
