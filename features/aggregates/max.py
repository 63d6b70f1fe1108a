"""The largest value of a column in the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import EMPTY_MAX, Accumulator
from features.aggregates.aggregate import Column, Merged
from features.aggregates.division import divide
from features.plan import ValueType


class Max:
    """The largest value; null for an empty window."""

    name = "max"
    value_type: ValueType = "float64"
    numeric = True
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """One extreme."""
        return (Accumulator("max", "value", column),)

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> float | None:  # noqa: ARG002 - shape of Aggregate
        """Q / scale, or null."""
        return None if merged[0] == EMPTY_MAX else merged[0] / scale

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:
        """Q / scale, or null."""
        valid = (merged[0] != EMPTY_MAX).astype(np.bool_)
        return divide(np.where(valid, merged[0], 0), np.full(len(at_us), scale)), valid
