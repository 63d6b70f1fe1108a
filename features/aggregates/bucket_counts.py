"""How many values fall into each of fixed buckets: DDSketch, with bounds that are integers.

Bucket 0 holds zero. Above it each bucket [a, b] ends at ``b = floor(a · 101 / 99)`` and the next begins at ``b + 1``,
so values below 50 have buckets of their own; below zero the buckets are mirrored. There is no logarithm, hence nothing
that one platform would round otherwise than another, and counts per bucket add up in any order.

References
----------
C. Masson, J. E. Rim and H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", PVLDB 12(12), 2019. Theirs may collapse buckets to bound memory, which depends on order; ours has at most
3,313 of them, for quantised values are below 2^52.

"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import EMPTY_CELL

_LARGEST = 2**52
_ONE_BUCKET = 4
"""Bytes of a cell with one bucket that counts below 256."""

_DTYPES = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@cache
def upper_bounds() -> tuple[int, ...]:
    """The largest value of each bucket, from bucket 0 on; the last one is beyond every quantised value.

    Examples
    --------
    >>> bounds = upper_bounds()
    >>> bounds[:3], bounds[49:53]
    ((0, 1, 2), (49, 51, 53, 55))

    """
    bounds = [0]
    while bounds[-1] < _LARGEST:
        bounds.append((bounds[-1] + 1) * 101 // 99)
    return tuple(bounds)


def bucket_of(value: int) -> int:
    """Number of the bucket that a quantised value falls into; negative for negative values."""
    bounds = upper_bounds()
    return bisect_left(bounds, value) if value >= 0 else -bisect_left(bounds, -value)


def buckets_of(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`bucket_of` for a column."""
    found = np.searchsorted(np.array(upper_bounds(), np.int64), np.abs(values))
    return np.where(values < 0, -found, found)


def representative(bucket: int, scale: int) -> float:
    """The value that stands for a bucket: the harmonic mean of its bounds, within 1 % of each value in it.

    Parameters
    ----------
    bucket
        Its number.
    scale
        What quantised values are divided by.

    Returns
    -------
    float
        ``2ab / ((a + b) · scale)``, rounded once.

    Examples
    --------
    >>> representative(-49, 1), representative(50, 10)
    (-49.0, 5.04950495049505)

    """
    if bucket == 0:
        return 0.0
    bounds = upper_bounds()
    at = abs(bucket)
    low, high = bounds[at - 1] + 1, bounds[at]
    return (2 if bucket > 0 else -2) * low * high / ((low + high) * scale)


def bucket_at(cell: bytes, percent: int) -> int:
    """The bucket that the value of nearest rank falls into: the ``ceil(percent · n / 100)``-th of n, from below."""
    buckets, counts = _parse(cell)
    running = list(accumulate(counts))
    return buckets[bisect_left(running, -(-percent * running[-1] // 100))]


class BucketCounts:
    """Counts per bucket. A cell: the width of a count, the numbers of the buckets, ascending, and their counts."""

    ordered = False

    def lift(self, values: Sequence[int], orders: Sequence[bytes]) -> bytes:  # noqa: ARG002 - shape of CellMonoid
        """Cell of these quantised values."""
        if len(values) == 1:
            return b"\x01" + array("h", (bucket_of(values[0]),)).tobytes() + b"\x01"
        return _formatted(*np.unique(list(map(bucket_of, values)), return_counts=True))

    def merge(self, cells: Iterable[bytes]) -> bytes:
        """Counts of the same bucket added."""
        cells = sorted((cell for cell in cells if cell), key=len, reverse=True)
        if len(cells) < 2:
            return cells[0] if cells else EMPTY_CELL
        if len(cells) == 2 and len(cells[1]) == _ONE_BUCKET and cells[1][-1] == 1:
            try:
                return _incremented(cells[0], cells[1])
            except OverflowError:
                pass  # the count needs another width
        last = len(upper_bounds()) - 1
        totals = np.zeros(2 * last + 1, np.int64)
        ends = [1 + (len(cell) - 1) // (cell[0] + 2) * 2 for cell in cells]
        buckets = np.frombuffer(b"".join([cell[1:end] for cell, end in zip(cells, ends, strict=True)]), "<i2")
        counts = [np.frombuffer(cell, _DTYPES[cell[0]], offset=end) for cell, end in zip(cells, ends, strict=True)]
        np.add.at(totals, buckets + last, np.concatenate(counts, dtype=np.int64, casting="unsafe"))
        there = np.flatnonzero(totals)
        return _formatted(there - last, totals[there])


def _incremented(cell: bytes, one: bytes) -> bytes:
    """A cell and one more value: what an event does to its tile."""
    buckets, counts = _parse(cell)
    (bucket,) = array("h", one[1:3])
    at = bisect_left(buckets, bucket)
    if at == len(buckets) or buckets[at] != bucket:
        buckets.insert(at, bucket)
        counts.insert(at, 1)
    else:
        counts[at] += 1
    return cell[:1] + buckets.tobytes() + counts.tobytes()


def _formatted(buckets: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> bytes:
    """Cell of these buckets, ascending, and their counts."""
    most = int(counts.max())
    width = next(width for width in _CODES if most >> 8 * width == 0)
    return bytes((width,)) + buckets.astype("<i2").tobytes() + counts.astype(_DTYPES[width]).tobytes()


def _parse(cell: bytes) -> tuple[array[int], array[int]]:
    """Buckets and counts of a cell that is not empty."""
    width = cell[0]
    end = 1 + (len(cell) - 1) // (width + 2) * 2
    return array("h", cell[1:end]), array(_CODES[width], cell[end:])
