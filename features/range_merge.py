"""Sums and extremes over many ranges of one column, exact, without a loop over rows or ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from features.aggregates import IDENTITY, SQUARE_BITS, Monoid

Int64s: TypeAlias = npt.NDArray[np.int64]

_HALF = 32
_QUARTER = 26
_LOW_QUARTER = 2**_QUARTER - 1
_LOW_HALF = 2**_HALF - 1


class Ranges(NamedTuple):
    """Rows ``low`` to ``high`` - 1 of a column, for each of many windows."""

    low: Int64s
    high: Int64s


def merge_ranges(monoid: Monoid, values: Int64s, ranges: Sequence[Ranges]) -> list[npt.NDArray[Any]]:
    """Merge the rows of each range.

    Parameters
    ----------
    monoid
        How rows merge.
    values
        One integer a row.
    ranges
        Several sets of ranges over the same rows; an empty range gives the monoid's identity.

    Returns
    -------
    list of numpy.ndarray
        Per set one partial a range: int64, or Python integers (dtype object) where one does not fit.

    Examples
    --------
    >>> rows = np.array([3, 1, 2])
    >>> [merged.tolist() for merged in merge_ranges("max", rows, [Ranges(np.array([0, 1]), np.array([2, 3]))])]
    [[3, 2]]

    """
    if monoid == "add":
        return _sums(values, ranges)
    return _extremes(monoid, values, ranges)


def _sums(values: Int64s, ranges: Sequence[Ranges]) -> list[npt.NDArray[Any]]:
    """Differences of prefix sums. They wrap around, but a difference that fits int64 is right all the same."""
    longest = max((int((r.high - r.low).max(initial=0)) for r in ranges), default=0)
    largest = int(np.abs(values).max(initial=0))
    if largest * longest < 2**63:
        prefix = prefix_sums(values)
        return [prefix[r.high] - prefix[r.low] for r in ranges]
    upper, lower = prefix_sums(values >> _HALF), prefix_sums(values & _LOW_HALF)
    return [_joined(upper[r.high] - upper[r.low], lower[r.high] - lower[r.low]) for r in ranges]


def squares(values: Int64s) -> tuple[Int64s, Int64s]:
    """Squares of numbers below 2^52, in two parts: the lower ``SQUARE_BITS``, and those above them.

    Examples
    --------
    >>> low, high = squares(np.array([3, -(2**50) - 1]))
    >>> (high.astype(object) * 2**SQUARE_BITS + low).tolist() == [9, (2**50 + 1) ** 2]
    True

    """
    upper, lower = np.abs(values) >> _QUARTER, np.abs(values) & _LOW_QUARTER
    middle = 2 * upper * lower
    rest = lower * lower + ((middle & _LOW_QUARTER) << _QUARTER)
    above = upper * upper + (middle >> _QUARTER)
    shift = 2 * _QUARTER - SQUARE_BITS
    return rest & (1 << SQUARE_BITS) - 1, (above << shift) + (rest >> SQUARE_BITS)


def prefix_sums(values: Int64s) -> Int64s:
    """Sum of the rows before each row, and of all; they wrap around."""
    prefix = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=prefix[1:])
    return prefix


def _joined(upper: Int64s, lower: Int64s) -> npt.NDArray[Any]:
    """Totals from those of upper and lower halves; Python integers only where some total needs them."""
    upper = upper + (lower >> _HALF)
    lower = lower & _LOW_HALF
    limit = 2 ** (63 - _HALF)
    if ((upper >= -limit) & (upper < limit)).all():
        return (upper << _HALF) | lower
    totals: npt.NDArray[Any] = upper.astype(object) * 2**_HALF + lower.astype(object)
    return totals


def _extremes(monoid: Monoid, values: Int64s, ranges: Sequence[Ranges]) -> list[npt.NDArray[Any]]:
    """A sparse table, of which only one level is in memory: a range is the union of two that are powers of two long.

    Levels go up to the longest range, so the work is rows × log2(longest range), whatever the number of ranges.
    """
    merge = np.minimum if monoid == "min" else np.maximum
    low = np.concatenate([r.low for r in ranges])
    length = np.concatenate([r.high for r in ranges]) - low
    level = np.frexp(length.astype(np.float64))[1] - 1  # floor(log2), exact; -1 for an empty range
    by_level = np.argsort(level, kind="stable")
    bounds = np.searchsorted(level[by_level], np.arange(level.max(initial=-1) + 2))
    merged = np.full(len(low), IDENTITY[monoid], np.int64)
    table = values.copy()
    for at in range(len(bounds) - 1):
        step = 1 << at
        if at:
            half = step // 2
            table = merge(table[:-half], table[half:])
        picked = by_level[bounds[at] : bounds[at + 1]]
        begin = low[picked]
        merged[picked] = merge(table[begin], table[begin + length[picked] - step])
    return np.split(merged, np.cumsum([len(r.low) for r in ranges])[:-1])
