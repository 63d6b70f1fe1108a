"""Features of the past: what each view would have given at any instants, from the lake, for whole columns.

The second execution of the window arithmetic. It shares with the stream the aggregates' declarations and their
last rounding step; how events reach a window is its own: the events of an entity are sorted by time, a window is a
range of them, and partials of ranges come from prefix sums, sparse tables and wavelet matrices, not from events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import Accumulator, Merged, aggregate_of
from features.history import History
from features.history_merge import Window, merge_windows
from features.plan import AggregatePlan, SourcePlan, ViewPlan
from features.range_merge import Int64s, Ranges

EVER = Window(None, None)


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
    ranges = {
        window: history.ranges_before(codes, seen_us, _starts_us(seen_us, window))
        for window in dict.fromkeys([*map(_window, view.features), EVER])
    }
    merged = _merge_all(view, history, ranges, seen_us)
    values, valid = {}, {}
    for feature in view.features:
        aggregate, window = aggregate_of(feature.function), _window(feature)
        partials = [merged[window, accumulator] for accumulator in aggregate.accumulators(feature.column)]
        scale = 10 ** (source.column(feature.column).decimals or 0)
        column, there = aggregate.finish_many(partials, seen_us, scale)
        if column.dtype == np.float64:
            column = np.where(there, column, np.nan)
        values[feature.name], valid[feature.name] = _unsorted(column, order), _unsorted(there, order)
    return ViewColumns(values, valid, _unsorted(history.newest_us(ranges[EVER]), order))


def _window(feature: AggregatePlan) -> Window:
    return Window(feature.window_us, feature.hop_us, feature.weights)


def _starts_us(at_us: Int64s, window: Window) -> Int64s | None:
    """First instants that sawtooth windows cover: `features.windows.window_start_us` for a column."""
    if window.length_us is None or window.hop_us is None:
        return None
    return (at_us - window.length_us) // window.hop_us * window.hop_us


def _merge_all(
    view: ViewPlan, history: History, ranges: Mapping[Window, Ranges], seen_us: Int64s
) -> dict[tuple[Window, Accumulator], Merged]:
    """Partials of every window and accumulator that some feature needs; one pass over the events an accumulator."""
    needed: dict[Accumulator, dict[Window, Ranges]] = {}
    for feature in view.features:
        window = _window(feature)
        for accumulator in aggregate_of(feature.function).accumulators(feature.column):
            needed.setdefault(accumulator, {})[window] = ranges[window]
    merged = {}
    for accumulator, windows in needed.items():
        partials = merge_windows(history, accumulator, windows, seen_us)
        merged.update({(window, accumulator): part for window, part in zip(windows, partials, strict=True)})
    return merged


def _unsorted(column: npt.NDArray[Any], order: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """A column of the sorted observations in their own order."""
    restored = np.empty_like(column)
    restored[order] = column
    return restored
