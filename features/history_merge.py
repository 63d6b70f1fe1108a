"""The partials of many windows of a history, each in the way that its monoid allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from features.aggregates import EMPTY_MAX, Accumulator, Merged
from features.history import History, Present
from features.range_merge import Int64s, Ranges, merge_ranges
from features.range_sketch import BucketOrder, DistinctValues
from features.range_weighted import Ageing, merge_weighted


class Window(NamedTuple):
    """Length, hop, and the weights of its tiles by age; None for length and hop: since ever. No weights: all alike."""

    length_us: int | None
    hop_us: int | None
    weights: tuple[int, ...] = ()


def merge_windows(
    history: History, accumulator: Accumulator, ranges: Mapping[Window, Ranges], seen_us: Int64s
) -> list[Merged]:
    """Partials of an accumulator, per window one of every observation.

    Parameters
    ----------
    history
        The events.
    accumulator
        What to merge.
    ranges
        The events that each window covers, at every observation.
    seen_us
        Instants of the observations.

    Returns
    -------
    list
        As `features.aggregates.aggregate.Merged` says, in the order of ``ranges``.

    """
    every = list(ranges.values())
    match accumulator.monoid:
        case "first" | "last":
            values = history.values(accumulator.column)
            return [_outermost(accumulator.monoid == "last", values, within) for within in every]
        case "buckets":
            values = history.values(accumulator.column)
            buckets = BucketOrder(values.values)
            return [buckets.over(values.ranges(within)) for within in every]
        case "distinct":
            hashes = history.hashes(accumulator.column)
            distinct = DistinctValues(hashes.values)
            return [distinct.over(hashes.ranges(within)) for within in every]
    rows = history.lifted(accumulator)
    plain = [within for window, within in ranges.items() if not window.weights]
    merged = iter(merge_ranges(accumulator.monoid, rows, plain) if plain else ())
    return [
        merge_weighted(rows, within, _ageing(history, window, seen_us)) if window.weights else next(merged)
        for window, within in ranges.items()
    ]


def _outermost(last: bool, present: Present, ranges: Ranges) -> Int64s:
    """First or last value of each range; ``EMPTY_MAX`` where it has none. Rows stand in the order of ties, too."""
    low, high = present.ranges(ranges)
    padded = np.append(present.values, 0)
    return np.where(high > low, padded[high - 1 if last else low], EMPTY_MAX)


def _ageing(history: History, window: Window, seen_us: Int64s) -> Ageing:
    assert window.hop_us is not None
    return Ageing(history.tiles(window.hop_us), seen_us // window.hop_us, np.array(window.weights, np.int64))
