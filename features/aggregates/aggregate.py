"""What every aggregate declares, so that kernel, backfill and laws need to know none of them by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.plan import ValueType

Merged: TypeAlias = npt.NDArray[Any]
"""Partials of many windows: int64, or Python integers (dtype object) where one does not fit."""

Column: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Finished values of many windows, and which of them are not null."""


class Aggregate(Protocol):
    """A function of the events in a window, computed from merged integers and rounded once."""

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

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """Which integers must be kept, in the order that `finish` takes them."""
        ...

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> int | float | None:
        """Value of one window, from its merged integers; None is null."""
        ...

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:
        """Values of many windows; the same bits as `finish` row by row."""
        ...
