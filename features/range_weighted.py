"""Sums over many ranges of one column in which the rows of older tiles weigh less, exact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.range_merge import Int64s, Ranges, prefix_sums

_PORTION = 4_000_000
"""Tiles of windows at a time: bounds memory."""


class Tiles(NamedTuple):
    """Runs of rows, each the events of one entity in one tile: first rows, ascending, and the numbers of the tiles."""

    starts: Int64s
    numbers: Int64s


class Ageing(NamedTuple):
    """How rows lose weight: ``now`` is the tile that each window ends in, ``weights`` are by age in tiles."""

    tiles: Tiles
    now: Int64s
    weights: Int64s


def merge_weighted(values: Int64s, ranges: Ranges, ageing: Ageing) -> npt.NDArray[Any]:
    """Sum the rows of each range, each times the weight of its tile.

    The tiles that the windows cover are written out, a portion of the windows at a time, and each is a difference of
    prefix sums: the work is events, and windows times their tiles.

    Parameters
    ----------
    values
        One integer a row, magnitudes below 2^52.
    ranges
        Windows; each begins where a tile does.
    ageing
        Tiles and weights.

    Returns
    -------
    numpy.ndarray
        int64, or Python integers (dtype object) where the largest values need them.

    Examples
    --------
    >>> ageing = Ageing(Tiles(np.array([0, 2]), np.array([4, 7])), np.array([7]), np.array([8, 4, 2, 1]))
    >>> merge_weighted(np.array([1, 2, 5]), Ranges(np.array([0]), np.array([3])), ageing).tolist()
    [43]

    """
    starts, ends = ageing.tiles.starts, np.append(ageing.tiles.starts[1:], len(values))
    first_tile = np.searchsorted(starts, ranges.low)
    n_tiles = np.searchsorted(starts, ranges.high) - first_tile
    longest = int((ranges.high - ranges.low).max(initial=0))
    bits = 62 - int(ageing.weights.max()).bit_length() - longest.bit_length()
    limbs = _limbs(values, bits)
    prefixes = [prefix_sums(limb) for limb in limbs]
    sums = np.zeros((len(limbs), len(n_tiles)), np.int64)
    for windows in _portions(n_tiles):
        counts = n_tiles[windows]
        begins = np.cumsum(counts) - counts
        window = np.repeat(windows, counts)
        tile = np.arange(len(window)) - np.repeat(begins - first_tile[windows], counts)
        weight = ageing.weights[ageing.now[window] - ageing.tiles.numbers[tile]]
        low, high = starts[tile], np.minimum(ends[tile], ranges.high[window])
        for total, prefix in zip(sums, prefixes, strict=True):
            total[windows] = np.add.reduceat(weight * (prefix[high] - prefix[low]), begins)
    joined: npt.NDArray[Any] = sums[-1]
    for total in sums[-2::-1]:
        joined = joined.astype(object) * 2**bits + total
    return joined


def _limbs(values: Int64s, bits: int) -> list[Int64s]:
    """Parts of so many bits, lowest first; only the last one is signed."""
    limbs = []
    while int(np.abs(values).max(initial=0)) >> bits:
        limbs.append(values & (1 << bits) - 1)
        values = values >> bits
    return [*limbs, values]


def _portions(n_tiles: Int64s) -> list[npt.NDArray[np.intp]]:
    """Windows that have tiles, in portions."""
    busy = np.flatnonzero(n_tiles)
    cuts = np.flatnonzero(np.diff(np.cumsum(n_tiles[busy]) // _PORTION)) + 1
    return [windows for windows in np.split(busy, cuts) if len(windows)]
