"""Features for Feast, of any view: the oracle's for any rows, and the stream's bytes for materialization."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.bootstrap import fold_lake, state_write
from features.feast_layout import FeastRow, KeyLayout
from features.feast_offline.entity_rows import EntityRows
from features.feast_offline.latest_rows import latest_rows
from features.feast_offline.stream_columns import stream_columns
from features.kernel import ViewKernel
from tests.features.oracle import oracle
from tests.features.test_backfill import KEYS, LOG, SOURCE, Sent, as_lake, as_sent, sent_events, view_on

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROJECT = "laws"
VIEWS = {kind: view_on(keys, windows=((60, 10), (None, None))) for kind, keys in KEYS.items()}

asked_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ü", "nobody", None]),
        st.sampled_from([0, -1, 2**63 - 1, 7]),
        st.integers(0, 450),
    ),
    min_size=1,
    max_size=15,
)


def bits(column: Sequence[Any]) -> list[Any]:
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in column]


@pytest.mark.parametrize(("kind", "ttl_us"), [("string", 0), ("int", 40), ("composite", 0)])
@given(sent=st.lists(sent_events, max_size=40), asked=asked_rows)
@settings(max_examples=5)
def test_every_row_has_the_oracles_features(
    kind: str, ttl_us: int, sent: list[Sent], asked: list[tuple[str | None, int, int]]
) -> None:
    """By any key, under any name of its column; rows without a key, unknown and stale ones are empty, none is lost."""
    view = msgspec.structs.replace(VIEWS[kind], ttl_us=ttl_us)
    frame = pd.DataFrame(
        {
            "who": pd.Series([who for who, _, _ in asked], dtype=object),
            "where": [where for _, where, _ in asked],
            "event_timestamp": [EPOCH + timedelta(microseconds=at_us) for _, _, at_us in asked],
        }
    )
    names = ["who" if key.name == "device" else "where" for key in view.keys]
    columns = stream_columns(view, SOURCE, as_lake(sent), EntityRows(frame), names)
    keys = {"device": [who for who, _, _ in asked], "port": [where for _, where, _ in asked]}
    at_us = [at_us for _, _, at_us in asked]
    values, newest_us = oracle(view, SOURCE, as_sent(sent), {key.name: keys[key.name] for key in view.keys}, at_us)
    named = [all(keys[key.name][i] is not None for key in view.keys) for i in range(len(asked))]
    known = [
        there and newest is not None and (not ttl_us or at - newest <= ttl_us)
        for there, newest, at in zip(named, newest_us, at_us, strict=True)
    ]
    assert {name: bits(column.to_pylist()) for name, column in columns.items()} == {
        name: bits([value if there else None for value, there in zip(column, known, strict=True)])
        for name, column in values.items()
    }


@pytest.mark.parametrize("kind", ["string", "composite"])
def test_materialized_fields_are_those_of_the_stream(kind: str) -> None:
    """To the byte: a stream that had read the events up to an instant, those of whom the range has news."""
    view = VIEWS[kind]
    kernel, layout, row = ViewKernel(view, SOURCE), KeyLayout(PROJECT, view.keys), FeastRow(view)

    @given(sent=st.lists(sent_events, max_size=40), ends=st.tuples(st.integers(-1, 320), st.integers(-1, 320)))
    @settings(max_examples=8)
    def check(sent: list[Sent], ends: tuple[int, int]) -> None:
        start_us, end_us = sorted(ends)
        whole = [event for event in sent if all(getattr(event, key.name) is not None for key in view.keys)]
        rows = latest_rows(view, SOURCE, as_lake(whole), start_us, end_us)
        written = {
            layout.key(entity): row.fields(values, newest_us)
            for entity, newest_us, values in zip(rows.entities, rows.newest_us.tolist(), rows.values, strict=True)
        }
        events = as_lake([event for event in whole if event.at_us <= end_us])
        places = {"log": [LOG] * len(events), "partition": [0] * len(events), "offset": list(range(len(events)))}
        for name, column in places.items():
            events = events.append_column(name, [column])
        states, _ = fold_lake(events, view, SOURCE, PROJECT)
        assert written == {
            key: state_write(kernel, key, b"", state).feast_fields
            for key, state in states.items()
            if state.newest_us is not None and start_us <= state.newest_us
        }

    check()
