"""Standard deviation of a column over the window."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.aggregates.aggregate import Column, Merged
from features.aggregates.var import Var


class Std(Var):
    """The correctly rounded square root of the correctly rounded variance; null below two values."""

    name = "std"

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> float | None:
        """The root, or null."""
        variance = super().finish(merged, at_us, scale)
        return None if variance is None else math.sqrt(variance)

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:
        """The root, or null."""
        variances, valid = super().finish_many(merged, at_us, scale)
        return np.sqrt(variances), valid
