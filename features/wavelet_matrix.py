"""Order statistics over any ranges of a column, for many ranges at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

_ALL_ONES = np.uint64(2**64 - 1)


class _Bits:
    """A column of bits, and how many are set before any row."""

    def __init__(self, bits: npt.NDArray[np.bool_]) -> None:
        n_words = len(bits) // 64 + 1  # one more than needed where they are full: the end is a row, too
        packed = np.zeros(n_words * 8, np.uint8)
        packed[: (len(bits) + 7) // 8] = np.packbits(bits, bitorder="little")
        self._words = packed.view("<u8")
        self._before = np.zeros(n_words, np.int64)
        np.cumsum(np.bitwise_count(self._words[:-1]), dtype=np.int64, out=self._before[1:])

    def before(self, rows: Int64s) -> Int64s:
        """Set bits in front of each row."""
        word = rows >> 6
        inside = self._words[word] & ~(_ALL_ONES << (rows & 63).astype(np.uint64))
        counted: Int64s = self._before[word] + np.bitwise_count(inside)
        return counted


class _Level(NamedTuple):
    """One bit of the values, most significant first, in the order that the bits before it have sorted them to."""

    bits: _Bits
    n_zeros: int


class WaveletMatrix:
    """Answers, for ranges of rows, what a sort of each range would.

    Memory and time to build are a bit a row and level, time to ask is a step a range and level; there are as many
    levels as the largest value has bits.

    Parameters
    ----------
    values
        Not negative.

    Examples
    --------
    >>> matrix = WaveletMatrix(np.array([5, 1, 4, 1]))
    >>> matrix.kth(np.array([0, 2]), np.array([3, 4]), np.array([1, 0])).tolist()
    [4, 1]
    >>> matrix.count_below(np.array([0, 2]), np.array([4, 2]), np.array([4, 4])).tolist()
    [2, 0]

    References
    ----------
    F. Claude and G. Navarro, "The wavelet matrix", SPIRE 2012.

    """

    def __init__(self, values: Int64s) -> None:
        self._n_bits = int(values.max(initial=0)).bit_length()
        self._levels = []
        for bit in range(self._n_bits - 1, -1, -1):
            ones = (values >> bit & 1).astype(np.bool_)
            zeros = ~ones
            self._levels.append(_Level(_Bits(ones), int(np.count_nonzero(zeros))))
            values = np.concatenate([values[zeros], values[ones]])

    def kth(self, low: Int64s, high: Int64s, k: Int64s) -> Int64s:
        """Value of rank k, from 0, among rows ``low`` to ``high`` - 1; anything where there is no such rank."""
        found = np.zeros(len(low), np.int64)
        for level in self._levels:
            low_ones, high_ones = level.bits.before(low), level.bits.before(high)
            n_zeros = (high - low) - (high_ones - low_ones)
            one = k >= n_zeros
            found = found << 1 | one
            k = np.where(one, k - n_zeros, k)
            low = np.where(one, level.n_zeros + low_ones, low - low_ones)
            high = np.where(one, level.n_zeros + high_ones, high - high_ones)
        return found

    def count_below(self, low: Int64s, high: Int64s, bound: Int64s) -> Int64s:
        """How many of rows ``low`` to ``high`` - 1 are less than a bound that is not negative."""
        beyond = bound >> self._n_bits > 0
        length, counted = high - low, np.zeros(len(low), np.int64)
        for at, level in enumerate(self._levels):
            low_ones, high_ones = level.bits.before(low), level.bits.before(high)
            one = (bound >> (self._n_bits - 1 - at) & 1).astype(np.bool_)
            counted += np.where(one, (high - low) - (high_ones - low_ones), 0)
            low = np.where(one, level.n_zeros + low_ones, low - low_ones)
            high = np.where(one, level.n_zeros + high_ones, high - high_ones)
        return np.where(beyond, length, counted)
