"""Random views, sources and event sets that the laws are checked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import strategies as st

from features.aggregates import AGGREGATES, aggregate_of
from features.aggregates.ewma import decay_weights
from features.kernels import KERNELS
from features.nouns import Partition
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, SourcePlan, ViewPlan

LOGS = ("AAAAAAAAQACAAAAAAAAAAQ", "BBBBBBBBQACAAAAAAAAAAQ")

SOURCE = SourcePlan(
    topic="readings",
    timestamp_column="at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="device", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="level", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="units", type="int64", nullable=True, decimals=0),
        ColumnPlan(name="label", type="string", nullable=True),
    ),
)


class Event(NamedTuple):
    """One valid event of one entity, as the kernel takes it."""

    partition: Partition
    offset: int
    event_us: int
    columns: tuple[object, ...]


WINDOWS = ((10, 1), (60, 10), (100, 10), (35, 5), (None, None))
"""(window, hop) in microseconds: small, so that tails, hops and evictions are crossed often."""


FUNCTIONS = (*AGGREGATES, "p1", "p75")
"""Every registered aggregate, and some of those that are there by rule."""


def features_of(
    function: str, column: str, windows: Sequence[tuple[int | None, int | None]]
) -> Iterator[AggregatePlan]:
    """One feature for each window that the aggregate takes, weights as `apply` makes them where there are some."""
    weighted = aggregate_of(function).weighted
    for window, hop in windows:
        if weighted and (window is None or hop is None):
            continue
        yield AggregatePlan(
            name=f"{function}_{column}_{window}",
            function=function,
            column=column,
            window_us=window,
            hop_us=hop,
            weights=decay_weights(window, hop, -(-window // 4)) if weighted and window and hop else (),
        )


def whole_view(functions: Sequence[str] = FUNCTIONS) -> ViewPlan:
    """Return a view with every aggregate over every window, on every column that the aggregate takes."""
    features = [
        feature
        for function in functions
        for column in (("level", "units") if aggregate_of(function).numeric else ("level", "label"))
        for feature in features_of(function, column, WINDOWS)
    ]
    return ViewPlan(
        name="levels",
        topic="readings",
        keys=(EntityKeyPlan(name="device", type="string"),),
        features=tuple(features),
        ttl_us=0,
        hash="00112233445566ff",
    )


def has_cells(function: str) -> bool:
    """Whether the aggregate keeps partials that are no integers."""
    return any(accumulator.is_cell for accumulator in aggregate_of(function).accumulators("level"))


WHOLE = whole_view()
OF_INTEGERS = whole_view([function for function in FUNCTIONS if not has_cells(function)])
"""What has no cells goes other ways through a compiled kernel, so it stands alone as well."""

LAW_KERNELS = {
    f"{name}-{kind}": kernel(view, SOURCE)
    for name, kernel in KERNELS.items()
    for kind, view in (("whole", WHOLE), ("integers", OF_INTEGERS))
}
under_every_kernel = pytest.mark.parametrize("kernel", LAW_KERNELS.values(), ids=LAW_KERNELS.keys())
"""Every kernel that there is must keep the laws."""


quantised = st.one_of(st.none(), st.integers(-(2**52) + 1, 2**52 - 1), st.integers(-100, 100))


@st.composite
def event_sets(draw: st.DrawFn, max_size: int = 40) -> list[Event]:
    """Events of one entity over several logs and partitions, with ties and late ones, in offset order by partition."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from([(log, p) for log in LOGS for p in (0, 1)]),
                st.integers(-5, 300),
                quantised,
                quantised,
                st.sampled_from([None, "x", "y", "ü"]),
            ),
            max_size=max_size,
        )
    )
    next_offset: dict[Partition, int] = {}
    events = []
    for partition, event_us, level, units, label in rows:
        offset = next_offset.get(partition, draw(st.integers(0, 3)))
        next_offset[partition] = offset + draw(st.integers(1, 3))
        events.append(Event(partition, offset, event_us, ("d", event_us, level, units, label)))
    return events


@st.composite
def interleavings(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    """Return another order of arrival: partitions interleave at will, each keeps its own order."""
    queues: dict[Partition, list[Event]] = {}
    for event in events:
        queues.setdefault(event.partition, []).append(event)
    order = []
    while queues:
        partition = draw(st.sampled_from(sorted(queues)))
        order.append(queues[partition].pop(0))
        if not queues[partition]:
            del queues[partition]
    return order
