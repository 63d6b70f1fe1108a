"""Total of a column over the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.aggregates.aggregate import Column, Merged
from features.aggregates.division import divide
from features.plan import ValueType


class Sum:
    """Sum of the column, exact until one division; 0.0 for an empty window."""

    name = "sum"
    value_type: ValueType = "float64"
    numeric = True
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """One total."""
        return (Accumulator("add", "value", column),)

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> float:  # noqa: ARG002 - shape of Aggregate
        """Σq / scale."""
        return merged[0] / scale

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:
        """Σq / scale."""
        return divide(merged[0], np.full(len(at_us), scale)), np.ones(len(at_us), np.bool_)
