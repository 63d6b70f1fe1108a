"""How many events of the window have the column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.aggregates.aggregate import Column, Merged
from features.plan import ValueType


class Count:
    """Number of events whose column is not null; 0 for an empty window."""

    name = "count"
    value_type: ValueType = "int64"
    numeric = False
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """One counter."""
        return (Accumulator("add", "one", column),)

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> int:  # noqa: ARG002 - shape of Aggregate
        """Return the counter itself."""
        return merged[0]

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:  # noqa: ARG002 - shape of Aggregate
        """Return the counters themselves."""
        return merged[0].astype(np.int64), np.ones(len(at_us), np.bool_)
