"""How many distinct values a column has in the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.aggregates.aggregate import Column, Merged, RangeDistinct
from features.aggregates.distinct_set import EXACT, count_of, estimates
from features.plan import ValueType


class CountDistinct:
    """Number of distinct values that are not null: exact to 64, then HyperLogLog's estimate; 0 for an empty window."""

    name = "count_distinct"
    value_type: ValueType = "int64"
    numeric = False
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """One set."""
        return (Accumulator("distinct", "value", column),)

    def finish(self, merged: Sequence[bytes], at_us: int, scale: int) -> int:  # noqa: ARG002 - shape of Aggregate
        """Size of the set."""
        return count_of(merged[0])

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:  # noqa: ARG002 - shape of Aggregate
        """Size of the sets."""
        distinct: RangeDistinct = merged[0]
        counts = distinct.n.copy()
        many = counts > EXACT
        if many.any():
            counts[many] = estimates(distinct.histograms(many))
        return counts, np.ones(len(at_us), np.bool_)
