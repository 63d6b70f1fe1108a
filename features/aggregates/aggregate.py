"""What every aggregate declares, so that kernel, backfill and laws need to know none of them by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.plan import ValueType

Merged: TypeAlias = Any
"""Partials of many windows, by monoid.

Sums and extremes are int64, or Python integers (dtype object) where one does not fit; ``first`` and ``last`` are
int64, ``EMPTY_MAX`` where there is none; ``buckets`` are a `RangeOrder`, ``distinct`` a `RangeDistinct`.
"""

Column: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Finished values of many windows, and which of them are not null."""


class RangeOrder(Protocol):
    """The bucket numbers of the values of many windows, by rank."""

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """How many values each window has."""
        ...

    def at(self, rank: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The bucket of the value of that rank, from 0, in each window; anything where the window is empty."""
        ...


class RangeDistinct(Protocol):
    """The distinct values of many windows."""

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """How many each window has, exactly."""
        ...

    def histograms(self, windows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """How many HyperLogLog registers hold each rank, a row for each of these windows."""
        ...


class Aggregate(Protocol):
    """A function of the events in a window, computed from merged partials and rounded once."""

    @property
    def name(self) -> str:
        """The function's name in declarations."""
        ...

    @property
    def value_type(self) -> ValueType:
        """Type of the feature."""
        ...

    @property
    def numeric(self) -> bool:
        """Whether the column must hold numbers."""
        ...

    @property
    def weighted(self) -> bool:
        """Whether sums are weighted by the age of their tile: then `apply` makes weights, and a window is needed."""
        ...

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """Which partials must be kept, in the order that `finish` takes them."""
        ...

    def finish(self, merged: Sequence[Any], at_us: int, scale: int) -> int | float | None:
        """Value of one window, from its merged partials; None is null."""
        ...

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:
        """Values of many windows; the same bits as `finish` row by row."""
        ...
