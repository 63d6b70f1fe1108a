"""How long ago the newest event of the window was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import EMPTY_MAX, Accumulator
from features.aggregates.aggregate import Column, Merged
from features.aggregates.division import divide
from features.plan import ValueType
from features.windows import SECOND_US


class SecondsSinceLast:
    """Seconds from the newest event whose column is not null to the instant seen at; null for an empty window."""

    name = "seconds_since_last"
    value_type: ValueType = "float64"
    numeric = False
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """One event time."""
        return (Accumulator("max", "time", column),)

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> float | None:  # noqa: ARG002 - shape of Aggregate
        """(at - event time) / one second, or null."""
        return None if merged[0] == EMPTY_MAX else (at_us - merged[0]) / SECOND_US

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:  # noqa: ARG002 - shape of Aggregate
        """(at - event time) / one second, or null."""
        valid = (merged[0] != EMPTY_MAX).astype(np.bool_)
        ages_us = at_us - np.where(valid, merged[0], at_us)
        return divide(ages_us, np.full(len(at_us), SECOND_US)), valid
