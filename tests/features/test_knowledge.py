"""As known: the bits that a scorer would have made at the time, by definition, by the stream and by the backfill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import knowledge
from features.backfill import ViewColumns, backfill
from features.kernels import open_kernel
from tests.features.oracle import oracle
from tests.features.test_backfill import (
    KEYS,
    LOG,
    SOURCE,
    WINDOWS,
    Sent,
    as_lake,
    as_sent,
    bits,
    cells,
    observations,
    sent_events,
    view_on,
)

BOUNDED = tuple(window for window in WINDOWS if window != (None, None))
events_and_arrivals = st.lists(st.tuples(sent_events, st.integers(0, 450)), max_size=40)


def arrived(table: pa.Table, arrivals: Sequence[tuple[Sent, int]]) -> pa.Table:
    """With the Kafka timestamps of the events."""
    return table.append_column("kafka_us", pa.array([kafka_us for _, kafka_us in arrivals], pa.int64()))


def columns_as_known(
    arrivals: Sequence[tuple[Sent, int]], keys: dict[str, npt.NDArray[Any]], at_us: Sequence[int], **how: Any
) -> ViewColumns:
    view = view_on(tuple(keys), **how)
    events = arrived(as_lake([event for event, _ in arrivals]), arrivals)
    return backfill(view, SOURCE, events, keys, np.array(at_us, np.int64), "as_known", portion_rows=20)


@pytest.mark.parametrize("windows", [WINDOWS, BOUNDED], ids=["since ever", "bounded"])
@given(arrivals=events_and_arrivals, observed=observations)
@settings(max_examples=12)
def test_as_known_equals_the_definition(
    windows: Any, arrivals: list[tuple[Sent, int]], observed: list[tuple[str, int, int]]
) -> None:
    """In SQL: late events that had not come, clocks that run ahead, gaps in what was known, unknown entities."""
    view = view_on(KEYS["string"], windows)
    devices = [device for device, _, _ in observed]
    at_us = [at for _, _, at in observed]
    columns = columns_as_known(arrivals, {"device": np.array(devices, object)}, at_us, windows=windows)
    events = arrived(as_sent([event for event, _ in arrivals]), arrivals)
    values, newest_us = oracle(view, SOURCE, events, {"device": devices}, at_us, as_known=True)
    assert cells(columns) == {name: bits(column) for name, column in values.items()}
    assert columns.newest_us.tolist() == [-1 if newest is None else newest for newest in newest_us]


@given(arrivals=events_and_arrivals, at_us=st.lists(st.integers(0, 450), min_size=1, max_size=6))
@settings(max_examples=25)
def test_as_known_equals_the_stream(arrivals: list[tuple[Sent, int]], at_us: list[int]) -> None:
    """A kernel that was given what had arrived by then, asked at any instant, also one before its newest event."""
    view = view_on(("device",))
    kernel = open_kernel(view, SOURCE)
    devices = [device for device in ("a", "b", "ü") for _ in at_us]
    expected, newest_us = [], []
    for device, at in zip(devices, at_us * 3, strict=True):
        state = kernel.new_state()
        for offset, (event, kafka_us) in enumerate(arrivals):
            if event.device == device and kafka_us < at:
                value = None if event.value is None else round(event.value * 100)
                row = (event.device, event.port, event.at_us, value, event.units, event.label, event.ok)
                kernel.apply(state, (LOG, 0), offset, event.at_us, row)
        expected.append(kernel.finish(state, at))
        newest_us.append(-1 if state.newest_us is None else state.newest_us)
    columns = columns_as_known(arrivals, {"device": np.array(devices, object)}, at_us * 3)
    assert cells(columns) == {name: bits([row[i] for row in expected]) for i, name in enumerate(view.feature_names)}
    assert columns.newest_us.tolist() == newest_us


@given(sent=st.lists(sent_events, max_size=30), observed=observations)
@settings(max_examples=12)
def test_what_all_had_arrived_in_time_is_known_as_it_is_true(
    sent: list[Sent], observed: list[tuple[str, int, int]]
) -> None:
    """Events that arrive at their own event time: both training sets are one."""
    keys = {"device": np.array([device for device, _, _ in observed], object)}
    at_us = [at for _, _, at in observed]
    known = columns_as_known([(event, event.at_us) for event in sent], keys, at_us)
    true = backfill(view_on(("device",)), SOURCE, as_lake(sent), keys, np.array(at_us, np.int64))
    assert cells(known) == cells(true)
    assert known.newest_us.tolist() == true.newest_us.tolist()


def test_an_entity_is_known_long_after_its_windows_have_passed() -> None:
    """Though an event before its newest known one is missing, and nothing that is known lies in a window."""
    blank = Sent(device="a", port=1, at_us=0, value=1.5, units=3, label="x", ok=True)
    late = msgspec.structs.replace(blank, at_us=1)
    newest = msgspec.structs.replace(blank, at_us=2)
    arrivals = [(blank, 0), (late, 9_999), (newest, 3)]
    columns = columns_as_known(arrivals, {"device": np.array(["a"], object)}, [5_000], windows=BOUNDED)
    assert columns.newest_us.tolist() == [2]
    assert columns.values["count_value_60"].tolist() == [0]


def test_copies_in_parts_are_no_different(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observations whose known events have gaps are taken a bounded number of rows at a time."""
    rng = np.random.default_rng(3)
    blank = Sent(device="a", port=1, at_us=0, value=1.5, units=3, label="x", ok=True)
    arrivals = [
        (msgspec.structs.replace(blank, device=str(rng.choice(["a", "b"])), at_us=at), at + int(rng.integers(40)))
        for at in range(0, 300, 3)
    ]
    at_us = rng.integers(0, 350, 60).tolist()
    keys = {"device": np.array(["a", "b"] * 30, object)}
    whole = cells(columns_as_known(arrivals, keys, at_us))
    monkeypatch.setattr(knowledge, "ROWS", 50)
    assert cells(columns_as_known(arrivals, keys, at_us)) == whole
