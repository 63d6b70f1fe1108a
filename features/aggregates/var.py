"""Variance of a column over the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import SQUARE_BITS, Accumulator
from features.aggregates.aggregate import Column, Merged
from features.aggregates.division import divide
from features.plan import ValueType

_WORD = 2**63


class Var:
    """``(n·Σq² - (Σq)²) / (n·(n - 1)·scale²)``: the sample variance (ddof = 1), null below two values.

    Both sides are exact integers and the quotient is rounded once, so that no cancellation shows: the variance of equal
    values is 0, and that of any values does not depend on their order.
    """

    name = "var"
    value_type: ValueType = "float64"
    numeric = True
    weighted = False

    def accumulators(self, column: str) -> tuple[Accumulator, ...]:
        """A counter, a total, and the total of squares in two parts."""
        return (
            Accumulator("add", "one", column),
            Accumulator("add", "value", column),
            Accumulator("add", "square_low", column),
            Accumulator("add", "square_high", column),
        )

    def finish(self, merged: Sequence[int], at_us: int, scale: int) -> float | None:  # noqa: ARG002 - shape of Aggregate
        """The quotient, or null."""
        n, total, low, high = merged
        squares = (high << SQUARE_BITS) + low
        return (n * squares - total * total) / (n * (n - 1) * scale * scale) if n > 1 else None

    def finish_many(self, merged: Sequence[Merged], at_us: npt.NDArray[np.int64], scale: int) -> Column:  # noqa: ARG002 - shape of Aggregate
        """The quotient, or null."""
        n, total, low, high = merged
        valid = (n > 1).astype(np.bool_)
        most = int(n.max(initial=0))
        if max(most * ((_largest(high) + 1 << SQUARE_BITS) + _largest(low)), _largest(total) ** 2) >= _WORD:
            n, total, low, high = (part.astype(object) for part in merged)
        squares = high * 2**SQUARE_BITS + low
        divisors = np.where(valid, n * (n - 1), 1)
        if most * most * scale * scale >= _WORD:
            divisors = divisors.astype(object)
        return divide(n * squares - total * total, divisors * (scale * scale)), valid


def _largest(values: npt.NDArray[Any]) -> int:
    """Largest magnitude."""
    return max(abs(int(values.max(initial=0))), abs(int(values.min(initial=0))))
