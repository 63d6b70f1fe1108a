"""The last value of a column in the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import EMPTY_MAX, Accumulator
from features.aggregates.aggregate import Column, Merged
from features.aggregates.division import divide
from features.aggregates.ordered_value import value_of
from features.plan import ValueType


class Last:
    """Value of the last event whose column is not null; null for an empty window.

    Events of one time are ordered by log, partition and offset.
    """

    name = "last"
    value_type: ValueType = "float64"
    numeric = True
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """One value, with the place of its event."""
        return (Accumulator("last", "value", column),)

    def finish(self, merged: Sequence[bytes], at_us: int, scale: int) -> float | None:  # noqa: ARG002 - shape of Aggregate
        """Q / scale, or null."""
        return value_of(merged[0]) / scale if merged[0] else None

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:
        """Q / scale, or null."""
        valid = merged[0] != EMPTY_MAX
        return divide(np.where(valid, merged[0], 0), np.full(len(at_us), scale)), valid
