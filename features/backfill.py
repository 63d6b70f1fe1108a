"""Features of the past: what each view would have given at any instants, from the lake, for whole columns.

The second execution of the window arithmetic. It shares with the stream the aggregates' declarations and their
last rounding step; how events reach a window is its own: the events of an entity are sorted by time, a window is a
range of them, and partials of ranges come from prefix sums, sparse tables and wavelet matrices, not from events.
Entities are worked on in portions (`features.portions`), so cost is linear, and memory that of the columns themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import Accumulator, Merged, aggregate_of
from features.entities import Entities
from features.history import History
from features.history_merge import Window, merge_windows
from features.knowledge import Sight, sights
from features.lake import declared_name
from features.nouns import Knowledge
from features.plan import AggregatePlan, SourcePlan, ViewPlan
from features.portions import ROWS, Portion, portions
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

    @classmethod
    def blank(cls, view: ViewPlan, n: int) -> ViewColumns:
        """Columns of so many observations, to be filled."""
        types = {feature.name: aggregate_of(feature.function).value_type for feature in view.features}
        return cls(
            {name: np.empty(n, kind) for name, kind in types.items()},
            {name: np.empty(n, np.bool_) for name in types},
            np.empty(n, np.int64),
        )

    def put(self, which: npt.NDArray[np.intp], part: ViewColumns) -> None:
        """Fill in some observations."""
        for name, values in part.values.items():
            self.values[name][which] = values
            self.valid[name][which] = part.valid[name]
        self.newest_us[which] = part.newest_us

    def take(self, which: npt.NDArray[np.intp] | slice) -> ViewColumns:
        """Some observations alone."""
        return ViewColumns(
            {name: values[which] for name, values in self.values.items()},
            {name: valid[which] for name, valid in self.valid.items()},
            self.newest_us[which],
        )


def backfill(
    view: ViewPlan,
    source: SourcePlan,
    events: pa.Table,
    keys: Mapping[str, npt.NDArray[Any]],
    at_us: Int64s,
    knowledge: Knowledge = "as_true",
    *,
    threads: int | None = None,
    portion_rows: int = ROWS,
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
    threads
        How many portions of the entities are worked on at a time; None: as many as pyarrow may use.
    portion_rows
        Events and observations of a portion: what is in memory a thread, beside the columns that come in and go out.

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
    entities = Entities(view, events)
    asked = entities.codes({key.name: keys[key.name] for key in view.keys})
    events = events.select(_rows_used(view, knowledge)).combine_chunks()
    columns, reach = ViewColumns.blank(view, len(asked)), Reach(view)

    def fill(portion: Portion) -> None:
        history = History(source, events.take(portion.events), entities.of_rows[portion.events])
        for some in portion.rounds(portion_rows):
            for sight in sights(history, asked[some], at_us[some], knowledge, reach):
                columns.put(some[sight.which], _finish(view, source, sight))

    work = portions(entities.of_rows, asked, portion_rows)
    work.sort(key=lambda portion: len(portion.events), reverse=True)  # so that no thread is alone with the largest
    with ThreadPoolExecutor(min(threads or pa.cpu_count(), max(len(work), 1))) as pool:
        deque(pool.map(fill, work), maxlen=0)
    return columns


def columns_used(views: Iterable[ViewPlan]) -> set[str]:
    """Declared columns of the events that some views need: all that `features.lake.Lake.read` must read for them.

    Parameters
    ----------
    views
        Views that one source feeds.

    Returns
    -------
    set of str
        Join keys, and what is aggregated.

    """
    return {name for view in views for name in (*(key.name for key in view.keys), *(f.column for f in view.features))}


def _rows_used(view: ViewPlan, knowledge: Knowledge) -> list[str]:
    """Columns of the table of events that the features need beside the keys."""
    times = ["event_us", "kafka_us"] if knowledge == "as_known" else ["event_us"]
    return [*times, *sorted({declared_name(feature.column) for feature in view.features})]


def _finish(view: ViewPlan, source: SourcePlan, sight: Sight) -> ViewColumns:
    """The features of some observations, in their order there."""
    seen_us = sight.seen_us
    windows = list(dict.fromkeys(map(_window, view.features)))
    ranges = dict(zip(windows, sight.rows(_starts_us(seen_us, window) for window in windows), strict=True))
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
