"""Quantiles of a column over the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import Accumulator
from features.aggregates.aggregate import Column, Merged, RangeOrder
from features.aggregates.bucket_counts import bucket_at, representative
from features.plan import ValueType


class Quantile:
    """The value of nearest rank, ``ceil(p · n / 100)`` from below, within 1 %; null for an empty window.

    That value is the one of SQL's ``percentile_disc``; what is given stands for its bucket
    (`features.aggregates.bucket_counts`). Values below 50 in units of their last decimal are exact.

    Parameters
    ----------
    name
        The function's name in declarations.
    percent
        p, from 1 to 99.

    """

    value_type: ValueType = "float64"
    numeric = True
    weighted = False

    def __init__(self, name: str, percent: int) -> None:
        self.name = name
        self.percent = percent

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """Counts per bucket; the quantiles of one column share them."""
        return (Accumulator("buckets", "value", column),)

    def finish(self, merged: Sequence[bytes], at_us: int, scale: int) -> float | None:  # noqa: ARG002 - shape of Aggregate
        """What stands for the bucket, or null."""
        return representative(bucket_at(merged[0], self.percent), scale) if merged[0] else None

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:  # noqa: ARG002 - shape of Aggregate
        """What stands for the buckets, or null."""
        order: RangeOrder = merged[0]
        valid = order.n > 0
        rank = -(-self.percent * order.n // 100) - 1
        buckets, place = np.unique(order.at(rank), return_inverse=True)
        return np.array([representative(bucket, scale) for bucket in buckets.tolist()], np.float64)[place], valid
