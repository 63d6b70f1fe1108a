"""Arithmetic mean of a column over the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.aggregates.aggregate import Column, Merged
from features.aggregates.division import divide
from features.plan import ValueType


class Mean:
    """Σq / (n · scale), rounded once; null for an empty window."""

    name = "mean"
    value_type: ValueType = "float64"
    numeric = True
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """A total and a counter."""
        return Accumulator("add", "value", column), Accumulator("add", "one", column)

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> float | None:  # noqa: ARG002 - shape of Aggregate
        """Σq / (n · scale), or null."""
        total, n = merged
        return total / (n * scale) if n else None

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:  # noqa: ARG002 - shape of Aggregate
        """Σq / (n · scale), or null."""
        total, n = merged
        valid = (n > 0).astype(np.bool_)
        counts = np.where(valid, n, 1)
        if int(counts.max(initial=1)) * scale >= 2**63:
            counts = counts.astype(object)
        return divide(total, counts * scale), valid
