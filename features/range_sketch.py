"""Ranks and distinct values over many ranges of one column, without a loop over rows or ranges.

No sketch is built here: what the stream's sketches would say of a window follows from the order of its values and
from which of them are the first of their kind in it.
"""

from __future__ import annotations

from functools import cached_property
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.aggregates.bucket_counts import buckets_of
from features.aggregates.distinct_set import LARGEST_RANK, REGISTERS, places_of
from features.range_merge import Int64s, Ranges
from features.wavelet_matrix import WaveletMatrix


class BucketOrder:
    """Buckets of the values of a column, by rank in any range. One for all windows; ``over`` binds it to some.

    Parameters
    ----------
    values
        Quantised values, none null.

    """

    def __init__(self, values: Int64s) -> None:
        self._known, ranks = np.unique(buckets_of(values), return_inverse=True)
        self._matrix = WaveletMatrix(ranks.astype(np.int64))

    def over(self, ranges: Ranges) -> RangeBuckets:
        """The windows that these ranges are."""
        return RangeBuckets(self._known, self._matrix, ranges)


class RangeBuckets:
    """See `features.aggregates.aggregate.RangeOrder`."""

    def __init__(self, known: Int64s, matrix: WaveletMatrix, ranges: Ranges) -> None:
        self._known = known
        self._matrix = matrix
        self._ranges = ranges
        self.n = ranges.high - ranges.low

    def at(self, rank: Int64s) -> Int64s:
        """Bucket of the value of that rank in each window."""
        found = np.zeros(len(rank), np.int64)
        there = self.n > 0
        low, high = self._ranges.low[there], self._ranges.high[there]
        found[there] = self._known[self._matrix.kth(low, high, rank[there])]
        return found


class FirstsOfAKind:
    """Counts distinct values in any range: those whose previous occurrence lies before the range.

    Parameters
    ----------
    values
        One a row; of a type that sorts.

    """

    def __init__(self, values: npt.NDArray[Any]) -> None:
        order = np.argsort(values, kind="stable")
        again = values[order[1:]] == values[order[:-1]]
        previous = np.zeros(len(values), np.int64)  # the row before counted from 1; 0 where there is none
        previous[order[1:][again]] = order[:-1][again] + 1
        self._matrix = WaveletMatrix(previous)

    def count(self, ranges: Ranges) -> Int64s:
        """Number of distinct values in each range."""
        return self._matrix.count_below(ranges.low, ranges.high, ranges.low + 1)


class _Reached(NamedTuple):
    """Rows whose hash has at least some rank, and how many different registers there are among them."""

    rows: npt.NDArray[np.intp]
    registers: FirstsOfAKind


class DistinctValues:
    """Distinct values of a column in any range. One for all windows; ``over`` binds it to some.

    Parameters
    ----------
    hashes
        `features.aggregates.distinct_set.stable_hashes` of values that are not null.

    """

    def __init__(self, hashes: npt.NDArray[np.uint64]) -> None:
        self._hashes = hashes
        self._exact = FirstsOfAKind(hashes)

    def over(self, ranges: Ranges) -> RangeHashes:
        """The windows that these ranges are."""
        return RangeHashes(self, self._exact.count(ranges), ranges)

    @cached_property
    def by_rank(self) -> list[_Reached]:
        """From rank 1 on, while there are rows; half as many each time."""
        registers, ranks = places_of(self._hashes)
        selections = (np.flatnonzero(ranks >= rank) for rank in range(1, LARGEST_RANK + 1))
        return [_Reached(rows, FirstsOfAKind(registers[rows])) for rows in takewhile(len, selections)]


class RangeHashes:
    """See `features.aggregates.aggregate.RangeDistinct`."""

    def __init__(self, values: DistinctValues, n: Int64s, ranges: Ranges) -> None:
        self._values = values
        self._ranges = ranges
        self.n = n

    def histograms(self, windows: npt.NDArray[np.bool_]) -> Int64s:
        """How many registers hold each rank: those that hold it or more, without those that hold more."""
        low, high = self._ranges.low[windows], self._ranges.high[windows]
        reached = np.zeros((LARGEST_RANK + 2, len(low)), np.int64)
        reached[0] = REGISTERS
        for rank, (rows, registers) in enumerate(self._values.by_rank, 1):
            reached[rank] = registers.count(Ranges(np.searchsorted(rows, low), np.searchsorted(rows, high)))
        return (reached[:-1] - reached[1:]).T
