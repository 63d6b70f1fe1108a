"""Which distinct values there are: their hashes while they are few, HyperLogLog's registers beyond.

A cell is a function of the set of values alone: the hashes themselves while there are at most 64, else the largest
rank that each of 4,096 registers has seen. The estimate is integer arithmetic with constants that are written down.

References
----------
P. Flajolet, É. Fusy, O. Gandouet and F. Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation
algorithm", AofA 2007. The estimator, right at every size and without tables of bias: O. Ertl, "New cardinality
estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, 2017, algorithm 6. Its term for overflown registers
is left out: with ranks up to 38 it is nothing below 10^12 values.

"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import mmh3
import numpy as np
import numpy.typing as npt

from features.aggregates.accumulator import EMPTY_CELL

EXACT: Final = 64
"""Sets of up to so many values are kept and counted exactly."""
REGISTER_BITS: Final = 12
REGISTERS: Final = 1 << REGISTER_BITS
LARGEST_RANK: Final = 38
STANDARD_ERROR: Final = 0.01625
"""1.04 / sqrt(4,096): the relative standard error of an estimate."""

_RANK_BITS: Final = 64 - REGISTER_BITS
_WORD: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15  # lest 0 have the hash 0
_ALPHA: Final = 3_326_628_274_461_080_623
"""``REGISTERS² / (2 · ln 2) · 2^LARGEST_RANK``, to the nearest integer."""
_SIGMA_BITS: Final = 64
_HASHES, _SPARSE, _DENSE = b"\x00", b"\x01", b"\x02"
_DOUBLE = struct.Struct("<d")


def stable_hash(value: str | int | float | bool) -> int:
    """64 bits that stand for a value, the same on every machine.

    Parameters
    ----------
    value
        A text (murmur3 of its UTF-8), an integer, or a double that is not quantised (splitmix64, which sends
        no two numbers to one hash).

    Examples
    --------
    >>> stable_hash("x"), stable_hash(1), stable_hash(-0.0) == stable_hash(0.0)
    (7860725293736722151, 10451216379200822465, True)

    """
    if isinstance(value, str):
        return int(mmh3.hash64(value.encode(), signed=False)[0])
    if isinstance(value, float):
        value = int.from_bytes(_DOUBLE.pack(value + 0.0), "little")
    z = value + _GAMMA & _WORD
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _WORD
    return z ^ z >> 31


def stable_hashes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """`stable_hash` for a column of int64 or float64."""
    if values.dtype == np.float64:
        values = values + 0.0
    z: npt.NDArray[np.uint64] = values.view(np.uint64) + np.uint64(_GAMMA)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return z ^ z >> np.uint64(31)


def places_of(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Register of each hash (its upper bits), and its rank (how many zeros the others begin with, and one)."""
    rest = (hashes & np.uint64((1 << _RANK_BITS) - 1)).astype(np.float64)
    ranks = np.minimum(_RANK_BITS + 1 - np.frexp(rest)[1], LARGEST_RANK)  # frexp of 0 has exponent 0
    return (hashes >> np.uint64(_RANK_BITS)).astype(np.int64), ranks.astype(np.uint8)


def estimates(histograms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Estimated number of values.

    Parameters
    ----------
    histograms
        A row a set: how many registers hold rank 0, 1, …, ``LARGEST_RANK``. Some register is not 0.

    Returns
    -------
    numpy.ndarray
        int64, ``m² / (2 · ln 2 · Σ)``, to the nearest integer.

    """
    shifts = 1 << np.arange(LARGEST_RANK - 1, -1, -1, dtype=np.int64)
    empty, place = np.unique(histograms[:, 0], return_inverse=True)
    sigma = np.array([_sigma(zeros) for zeros in empty.tolist()], np.int64)[place]
    total = sigma + histograms[:, 1:] @ shifts
    estimated: npt.NDArray[np.int64] = (_ALPHA + total // 2) // total
    return estimated


def _estimate(histogram: Sequence[int]) -> int:
    """`estimates` of one set."""
    total = _sigma(histogram[0]) + sum(n << LARGEST_RANK - rank for rank, n in enumerate(histogram[1:], 1))
    return (_ALPHA + total // 2) // total


@cache
def _sigma(zeros: int) -> int:
    """``m · σ(zeros / m) · 2^LARGEST_RANK``, where σ(x) = x + Σ x^(2^k) · 2^(k - 1); floored in 64-bit fixed point."""
    power = (zeros << _SIGMA_BITS) // REGISTERS
    total, weight = power, 1
    while power:
        power = power * power >> _SIGMA_BITS
        total += power * weight
        weight *= 2
    return total * REGISTERS >> _SIGMA_BITS - LARGEST_RANK


def count_of(cell: bytes) -> int:
    """Number of values in a cell: exact up to ``EXACT``, an estimate beyond."""
    if not cell:
        return 0
    if cell[:1] == _HASHES:
        return (len(cell) - 1) // 8
    return _estimate(np.bincount(_registers_of(cell)).tolist())


class DistinctSet:
    """Sets of values. A cell: its kind, then hashes, ascending; or ``register << 6 | rank`` of some; or all ranks."""

    ordered = False

    def lift(self, values: Sequence[Any], orders: Sequence[bytes]) -> bytes:  # noqa: ARG002 - shape of CellMonoid
        """Cell of these values."""
        return _format(set(map(stable_hash, values)), ())

    def merge(self, cells: Iterable[bytes]) -> bytes:
        """The union."""
        cells = {cell for cell in cells if cell}
        if len(cells) < 2:
            return cells.pop() if cells else EMPTY_CELL
        hashes: set[int] = set()
        registers = []
        for cell in cells:
            if cell[:1] == _HASHES:
                hashes.update(array("Q", cell[1:]))
            else:
                registers.append(_registers_of(cell))
        return _format(hashes, registers)


def _format(hashes: set[int], registers: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    """Cell of hashes and of sets that are too large to be hashes."""
    if not registers and len(hashes) <= EXACT:
        return _HASHES + array("Q", sorted(hashes)).tobytes()
    merged = np.zeros(REGISTERS, np.uint8)
    for other in registers:
        np.maximum(merged, other, out=merged)
    np.maximum.at(merged, *places_of(np.array(list(hashes), np.uint64)))
    seen = np.flatnonzero(merged)
    if len(seen) * 4 < REGISTERS:
        return _SPARSE + (seen << 6 | merged[seen]).astype("<u4").tobytes()
    return _DENSE + merged.tobytes()


def _registers_of(cell: bytes) -> npt.NDArray[np.uint8]:
    if cell[:1] == _DENSE:
        return np.frombuffer(cell, np.uint8, offset=1)
    packed = np.frombuffer(cell, "<u4", offset=1)
    registers = np.zeros(REGISTERS, np.uint8)
    registers[packed >> 6] = packed & 63
    return registers
