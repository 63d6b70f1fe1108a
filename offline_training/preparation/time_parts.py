"""Parts of an instant, in whole numbers of 64 bits as soon as it is known to be one."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from onnx import TensorProto

from features.model_file import TimePart
from offline_training.preparation.graph import Graph

_LIMIT: Final = 2.0**53
"""Beyond it a double does not tell one second, or microsecond, from the next; and no cast is defined far beyond."""

_FIRST_DAY: Final = 3
"""The epoch began on a Thursday, three days after a Monday."""

_SATURDAY: Final = 5
_HOURS: Final = 24


class TimeParts(NamedTuple):
    """Parts of one input: ``hour`` 0 to 23, ``day_of_week`` 0 (Monday) to 6, ``is_weekend`` 0 or 1.

    Null where the input is null, or 2^53 units of time or more from the epoch. ``hour_units`` is the length of an hour
    in the input's unit, ``ahead_units`` how far the clock is ahead of UTC.
    """

    name: str
    column: int
    parts: tuple[TimePart, ...]
    hour_units: int
    ahead_units: int

    @property
    def names(self) -> tuple[str, ...]:
        """See `Step`."""
        return tuple(f"{self.name}.{part}" for part in self.parts)

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """See `Step`."""
        return ((self.column,),) * len(self.parts)

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """See `Step`: the hours of a week, from both sides, long ago and now; and the limits."""
        hours = np.arange(7 * _HOURS, dtype=np.float64) * self.hour_units
        begins = np.concatenate([hours + start * self.hour_units for start in (-5_000_000, 0, 480_000)])
        limits = np.array([_LIMIT, -_LIMIT])
        ends = np.concatenate([begins - self.ahead_units, limits])
        return {self.column: np.concatenate([ends, np.nextafter(ends, -np.inf), np.nextafter(ends, np.inf)])}

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """See `Step`."""
        instants = rows[:, [self.column]]
        known = np.abs(instants) < _LIMIT
        local = np.floor(np.where(known, instants, 0.0)).astype(np.int64) + self.ahead_units
        day_units = _HOURS * self.hour_units
        weekdays = (local + _FIRST_DAY * day_units) % (7 * day_units) // day_units
        found = {
            "hour": local % day_units // self.hour_units,
            "day_of_week": weekdays,
            "is_weekend": weekdays >= _SATURDAY,
        }
        columns = np.concatenate([found[part] for part in self.parts], axis=1)
        return np.where(known, columns.astype(np.float64), np.nan)

    def draw(self, graph: Graph, rows: str) -> str:
        """See `Step`."""
        instants = graph.columns(rows, [self.column])
        known = graph.node("Less", graph.node("Abs", instants), graph.doubles(_LIMIT))
        whole = graph.node("Floor", graph.node("Where", known, instants, graph.doubles(0.0)))
        cast = graph.node("Cast", whole, to=TensorProto.INT64)
        local = graph.node("Add", cast, graph.integers(self.ahead_units))
        columns = [self._part(graph, local, part) for part in self.parts]
        return graph.node("Where", known, graph.node("Concat", *columns, axis=1), graph.doubles(np.nan))

    def _part(self, graph: Graph, local: str, part: TimePart) -> str:
        """One part as doubles."""
        day_units = _HOURS * self.hour_units
        if part == "hour":
            of_day = graph.node("Mod", local, graph.integers(day_units))
            found = graph.node("Div", of_day, graph.integers(self.hour_units))
        else:
            moved = graph.node("Add", local, graph.integers(_FIRST_DAY * day_units))
            of_week = graph.node("Mod", moved, graph.integers(7 * day_units))
            found = graph.node("Div", of_week, graph.integers(day_units))
        if part == "is_weekend":
            found = graph.node("GreaterOrEqual", found, graph.integers(_SATURDAY))
        return graph.node("Cast", found, to=TensorProto.DOUBLE)
