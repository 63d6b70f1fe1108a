"""What an event contributes: a row of partials, one for each accumulator that the features of a view need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from features.aggregates import CELLS, EMPTY_CELL, IDENTITY, SQUARE_BITS, Accumulator, CellMonoid, Lift
from features.aggregates.ordered_value import order_key
from features.nouns import Partition
from features.plan import SourcePlan
from features.ring import ADD, CODE, MIN

_ONE, _VALUE, _TIME, _SQUARE_LOW, _SQUARE_HIGH = range(5)
_LIFT: dict[Lift, int] = {
    "one": _ONE,
    "value": _VALUE,
    "time": _TIME,
    "square_low": _SQUARE_LOW,
    "square_high": _SQUARE_HIGH,
}
_SQUARE_MASK = (1 << SQUARE_BITS) - 1


class CellLift(NamedTuple):
    """How a slot of cells is filled from an event."""

    monoid: CellMonoid
    column: int


class Lifter:
    """Lifts events, and merges what many of them contribute.

    Parameters
    ----------
    slots
        What a row holds: integers before cells.
    source
        Feeds the view.

    Attributes
    ----------
    identities
        The row of no event.
    integers
        How each slot of integers is filled: the code of the lift, the place of its column, the identity.
    cells
        How each slot of cells is filled.

    """

    def __init__(self, slots: Sequence[Accumulator], source: SourcePlan) -> None:
        ordinal = {column.name: i for i, column in enumerate(source.row)}
        integers = [slot for slot in slots if not slot.is_cell]
        self.identities: list[Any] = [EMPTY_CELL if slot.is_cell else IDENTITY[slot.monoid] for slot in slots]
        self.integers = tuple((_LIFT[slot.lift], ordinal[slot.column], IDENTITY[slot.monoid]) for slot in integers)
        self.cells = tuple(CellLift(CELLS[slot.monoid], ordinal[slot.column]) for slot in slots[len(integers) :])
        self._codes = tuple(CODE[slot.monoid] for slot in integers)
        self._ordered = any(lift.monoid.ordered for lift in self.cells)

    def row(self, columns: Sequence[Any], event_us: int, partition: Partition, offset: int) -> list[Any]:
        """One event, lifted: a partial for each slot, the identity where the column is null."""
        row: list[Any] = [
            identity
            if (value := columns[column]) is None
            else value
            if lift == _VALUE
            else 1
            if lift == _ONE
            else _lift(lift, value, event_us)
            for lift, column, identity in self.integers
        ]
        if self.cells:
            row += self._cells([columns], [order_key(event_us, *partition, offset)] if self._ordered else ())
        return row

    def merged_row(
        self,
        indexes: Sequence[int],
        partition: Partition,
        offsets: Sequence[int],
        event_us: Sequence[int],
        rows: Sequence[Sequence[Any] | None],
    ) -> list[Any]:
        """Some events of a batch, lifted and merged into one row."""
        if len(indexes) == 1:
            (i,) = indexes
            return self.row(rows[i] or (), event_us[i], partition, offsets[i])
        chosen = [rows[i] or () for i in indexes]
        lifted: dict[tuple[int, int], list[int]] = {}
        merged: list[Any] = []
        for (lift, column, identity), code in zip(self.integers, self._codes, strict=True):
            values = lifted.get((lift, column))
            if values is None:
                values = lifted[lift, column] = _lifted(lift, column, chosen, [event_us[i] for i in indexes])
            if code == ADD:
                merged.append(sum(values))
            elif code == MIN:
                merged.append(min(values, default=identity))
            else:
                merged.append(max(values, default=identity))
        if self.cells:
            orders = [order_key(event_us[i], *partition, offsets[i]) for i in indexes] if self._ordered else ()
            merged += self._cells(chosen, orders)
        return merged

    def _cells(self, rows: Sequence[Sequence[Any]], orders: Sequence[bytes]) -> list[bytes]:
        """The slots of cells of some events."""
        cells = []
        for monoid, column in self.cells:
            values = [value for row in rows if (value := row[column]) is not None]
            if not values:
                cells.append(EMPTY_CELL)
            elif monoid.ordered and len(values) < len(rows):
                there = [order for row, order in zip(rows, orders, strict=True) if row[column] is not None]
                cells.append(monoid.lift(values, there))
            else:
                cells.append(monoid.lift(values, orders))
        return cells


def _lift(lift: int, value: Any, event_us: int) -> int:
    """What one event contributes to a slot of integers."""
    if lift == _ONE:
        return 1
    if lift == _TIME:
        return event_us
    square: int = value * value
    return square & _SQUARE_MASK if lift == _SQUARE_LOW else square >> SQUARE_BITS


def _lifted(lift: int, column: int, rows: Sequence[Sequence[Any]], event_us: Sequence[int]) -> list[int]:
    """What some events contribute to a slot of integers; nothing of those whose column is null."""
    if lift == _VALUE:
        return [value for row in rows if (value := row[column]) is not None]
    if lift == _ONE:
        return [1 for row in rows if row[column] is not None]
    if lift == _TIME:
        return [at for row, at in zip(rows, event_us, strict=True) if row[column] is not None]
    return [_lift(lift, value, 0) for row in rows if (value := row[column]) is not None]
