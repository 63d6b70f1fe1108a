"""Features of the past: what each view would have given at any instants, from the lake, for whole columns.

The second execution of the window arithmetic. It shares with the stream the aggregates' declarations and their
last rounding step; how events reach a window is its own: the events of an entity are sorted by time, a window is a
range of them, and partials of ranges come from prefix sums, sparse tables and wavelet matrices, not from events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import Accumulator, Merged, aggregate_of
from features.history import History
from features.history_merge import Window, merge_windows
from features.knowledge import Sight, sights
from features.nouns import Knowledge
from features.plan import AggregatePlan, SourcePlan, ViewPlan
from features.range_merge import Int64s, Ranges
from features.reach import Reach


class ViewColumns(NamedTuple):
    """The features of one view, one row an observation.

    ``valid`` is False where a value is null (which is NaN in a column of doubles). ``newest_us`` is -1 where the
    entity had no event before the observation: the view did not know it.
    """

    values: dict[str, npt.NDArray[Any]]
    valid: dict[str, npt.NDArray[np.bool_]]
    newest_us: Int64s


def backfill(
    view: ViewPlan,
    source: SourcePlan,
    events: pa.Table,
    keys: Mapping[str, npt.NDArray[Any]],
    at_us: Int64s,
    knowledge: Knowledge = "as_true",
) -> ViewColumns:
    """Features as of many observations: from all events strictly before each, or from those known by then.

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
    knowledge
        ``as_true``: all events with an event time before the observation count. ``as_known``: of those that had arrived
        (Kafka timestamp) before it, what a scorer would have made (`features.knowledge`).

    Returns
    -------
    ViewColumns
        The same bits as the stream's kernel gives after these events, where it is asked at or after the newest one.
        As known, the bits that it gives after the known ones, asked at any instant.

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
    parts = [
        (sight.which, _finish(view, source, sight)) for sight in sights(history, codes, at_us, knowledge, Reach(view))
    ]
    order = np.concatenate([which for which, _ in parts])
    columns = [part for _, part in parts]
    return ViewColumns(
        {name: _joined([part.values[name] for part in columns], order) for name in view.feature_names},
        {name: _joined([part.valid[name] for part in columns], order) for name in view.feature_names},
        _joined([part.newest_us for part in columns], order),
    )


def _finish(view: ViewPlan, source: SourcePlan, sight: Sight) -> ViewColumns:
    """The features of some observations, in their order there."""
    seen_us = sight.seen_us
    ranges = {window: sight.rows(_starts_us(seen_us, window)) for window in map(_window, view.features)}
    merged = _merge_all(view, sight.history, ranges, seen_us)
    values, valid = {}, {}
    for feature in view.features:
        aggregate, window = aggregate_of(feature.function), _window(feature)
        partials = [merged[window, accumulator] for accumulator in aggregate.accumulators(feature.column)]
        scale = 10 ** (source.column(feature.column).decimals or 0)
        column, there = aggregate.finish_many(partials, seen_us, scale)
        if column.dtype == np.float64:
            column = np.where(there, column, np.nan)
        values[feature.name], valid[feature.name] = column, there
    return ViewColumns(values, valid, sight.newest_us())


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


def _joined(parts: Sequence[npt.NDArray[Any]], order: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """A column, in parts, with each value at the place that ``order`` names."""
    column = np.concatenate(parts)
    restored = np.empty_like(column)
    restored[order] = column
    return restored
