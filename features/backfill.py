"""Features of the past: what each view would have given at any instants, from the lake, for whole columns.

The second execution of the window arithmetic. It shares with the stream the aggregates' declarations and their
last rounding step; how events reach a window is its own: the events of an entity are sorted by time, a window is a
range of them, and integers merge by prefix sums and sparse tables, so that no event is visited twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import AGGREGATES, Accumulator
from features.history import History
from features.plan import SourcePlan, ViewPlan
from features.range_merge import Int64s, Ranges, merge_ranges

Window = tuple[int, int] | None
"""(length, hop); None is since ever."""


class ViewColumns(NamedTuple):
    """The features of one view, one row an observation.

    ``valid`` is False where a value is null (which is NaN in a column of doubles). ``newest_us`` is -1 where the
    entity had no event before the observation: the view did not know it.
    """

    values: dict[str, npt.NDArray[Any]]
    valid: dict[str, npt.NDArray[np.bool_]]
    newest_us: Int64s


def backfill(
    view: ViewPlan, source: SourcePlan, events: pa.Table, keys: Mapping[str, npt.NDArray[Any]], at_us: Int64s
) -> ViewColumns:
    """Features as of many observations, as true: from all events with an event time strictly before each.

    Parameters
    ----------
    view, source
        The view and the source that feeds it, from one plan.
    events
        As `features.lake.Lake.read` gives them: valid events, each once, by (log, partition, offset).
    keys
        Per join key one value an observation.
    at_us
        Instant of each observation, microseconds.

    Returns
    -------
    ViewColumns
        The same bits as the stream's kernel gives after these events, where it is asked at or after the newest one.

    Examples
    --------
    >>> from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan
    >>> source = SourcePlan(topic="visits", timestamp_column="at", max_ahead_us=0, columns=(
    ...     ColumnPlan(name="who", type="string", nullable=False),
    ...     ColumnPlan(name="at", type="timestamp", nullable=False)))
    >>> view = ViewPlan(name="visits", topic="visits", ttl_us=0, hash="0" * 16,
    ...     keys=(EntityKeyPlan(name="who", type="string"),),
    ...     features=(AggregatePlan(name="n", function="count", column="at", window_us=10, hop_us=1),))
    >>> events = pa.table({"who": ["a", "a", "b"], "at": [1, 5, 5], "event_us": [1, 5, 5]})
    >>> columns = backfill(view, source, events, {"who": np.array(["a", "a", "c"])}, np.array([5, 13, 9]))
    >>> columns.values["n"].tolist(), columns.newest_us.tolist()
    ([1, 1, 0], [1, 5, -1])

    """
    history = History(view, source, events)
    codes = history.codes({key.name: keys[key.name] for key in view.keys})
    order = np.lexsort((at_us, codes))  # neighbours look at the same events, which are in the cache then
    codes, seen_us = codes[order], at_us[order].astype(np.int64)
    windows = {_window(feature.window_us, feature.hop_us) for feature in view.features} | {None}
    ranges = {window: history.ranges_before(codes, seen_us, _starts_us(seen_us, window)) for window in windows}
    merged = _merge_all(view, history, ranges)
    values, valid = {}, {}
    for feature in view.features:
        aggregate = AGGREGATES[feature.function]
        window = _window(feature.window_us, feature.hop_us)
        partials = [merged[window, accumulator] for accumulator in aggregate.accumulators(feature.column)]
        scale = 10 ** (source.column(feature.column).decimals or 0)
        column, there = aggregate.finish_many(partials, seen_us, scale)
        if column.dtype == np.float64:
            column = np.where(there, column, np.nan)
        values[feature.name], valid[feature.name] = _unsorted(column, order), _unsorted(there, order)
    return ViewColumns(values, valid, _unsorted(history.newest_us(ranges[None]), order))


def _window(length_us: int | None, hop_us: int | None) -> Window:
    return None if length_us is None or hop_us is None else (length_us, hop_us)


def _starts_us(at_us: Int64s, window: Window) -> Int64s | None:
    """First instants that sawtooth windows cover: `features.windows.window_start_us` for a column."""
    if window is None:
        return None
    length_us, hop_us = window
    return (at_us - length_us) // hop_us * hop_us


def _merge_all(
    view: ViewPlan, history: History, ranges: Mapping[Window, Ranges]
) -> dict[tuple[Window, Accumulator], npt.NDArray[Any]]:
    """Partials of every window and accumulator that some feature needs; one pass over the events an accumulator."""
    needed: dict[Accumulator, list[Window]] = {}
    for feature in view.features:
        for accumulator in AGGREGATES[feature.function].accumulators(feature.column):
            windows = needed.setdefault(accumulator, [])
            window = _window(feature.window_us, feature.hop_us)
            if window not in windows:
                windows.append(window)
    merged = {}
    for accumulator, windows in needed.items():
        rows = history.lifted(accumulator)
        partials = merge_ranges(accumulator.monoid, rows, [ranges[window] for window in windows])
        merged.update({(window, accumulator): part for window, part in zip(windows, partials, strict=True)})
    return merged


def _unsorted(column: npt.NDArray[Any], order: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """A column of the sorted observations in their own order."""
    restored = np.empty_like(column)
    restored[order] = column
    return restored
