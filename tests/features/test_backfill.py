"""The backfill gives the bits of the definition, and those of the stream."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.aggregates import AGGREGATES, aggregate_of
from features.backfill import ViewColumns, backfill
from features.decode import Decoder
from features.kernels import open_kernel
from features.lake import Lake, LakeBatch, declared_name, open_lake
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, SourcePlan, ViewPlan
from features.range_merge import Ranges, merge_ranges
from tests.features.oracle import PARTS, oracle
from tests.features.strategies import FUNCTIONS, features_of

LOG = "AAAAAAAAQACAAAAAAAAAAQ"

SOURCE = SourcePlan(
    topic="readings",
    timestamp_column="at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="device", type="string", nullable=True),
        ColumnPlan(name="port", type="int64", nullable=True),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="value", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="units", type="int32", nullable=True, decimals=0),
        ColumnPlan(name="label", type="string", nullable=True),
        ColumnPlan(name="ok", type="bool", nullable=True),
    ),
)
WINDOWS: tuple[tuple[int | None, int | None], ...] = ((10, 1), (60, 10), (35, 5), (100, 100), (None, None))
KEYS = {"string": ("device",), "int": ("port",), "composite": ("device", "port")}


def view_on(keys: Sequence[str], windows: Sequence[tuple[int | None, int | None]] = WINDOWS) -> ViewPlan:
    """Every aggregate, on every kind of column that it takes, over every window."""
    return ViewPlan(
        name="levels",
        topic="readings",
        keys=tuple(EntityKeyPlan(name=key, type="string" if key == "device" else "int64") for key in keys),
        features=tuple(
            feature
            for function in FUNCTIONS
            for column in (("value", "units") if aggregate_of(function).numeric else ("value", "label", "at", "ok"))
            for feature in features_of(function, column, windows)
        ),
        ttl_us=0,
        hash="00112233445566ff",
    )


class Sent(msgspec.Struct):
    """One event as a producer sends it."""

    device: str | None
    port: int | None
    at_us: int
    value: float | None
    units: int | None
    label: str | None
    ok: bool | None


LARGEST = (2**52 - 1) / 100
sent_events = st.builds(
    Sent,
    device=st.sampled_from(["a", "b", "ü", None]),
    port=st.sampled_from([0, -1, 2**63 - 1, None]),
    at_us=st.integers(0, 300),
    value=st.one_of(
        st.none(),
        st.floats(-LARGEST + 1, LARGEST - 1),
        st.decimals(-100, 100, places=3).map(float),
        st.sampled_from([LARGEST - 1, 0.005, -0.0]),
    ),
    units=st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
    label=st.sampled_from([None, "", "x"]),
    ok=st.sampled_from([None, True, False]),
)
observations = st.lists(
    st.tuples(st.sampled_from(["a", "b", "ü", "nobody"]), st.sampled_from([0, -1, 2**63 - 1, 7]), st.integers(0, 450)),
    max_size=15,
)


def as_sent(sent: Sequence[Sent]) -> pa.Table:
    """Columns as the oracle takes them."""
    return pa.table(
        {
            "device": pa.array([event.device for event in sent], pa.string()),
            "port": pa.array([event.port for event in sent], pa.int64()),
            "at": pa.array([event.at_us for event in sent], pa.timestamp("us", tz="UTC")),
            "value": pa.array([event.value for event in sent], pa.float64()),
            "units": pa.array([event.units for event in sent], pa.int64()),
            "label": pa.array([event.label for event in sent], pa.string()),
            "ok": pa.array([event.ok for event in sent], pa.bool_()),
            "event_us": pa.array([event.at_us for event in sent], pa.int64()),
        }
    )


def as_lake(sent: Sequence[Sent]) -> pa.Table:
    """Columns as the lake gives them."""
    table = as_sent(sent)
    return table.rename_columns([name if name == "event_us" else declared_name(name) for name in table.column_names])


def bits(values: Sequence[Any]) -> list[Any]:
    return [struct.pack("<d", value) if isinstance(value, float) else value for value in values]


def cells(columns: ViewColumns) -> dict[str, list[Any]]:
    """Values with None where they are null; doubles as bytes, so that one bit counts."""
    return {
        name: bits(
            [v if there else None for v, there in zip(values.tolist(), columns.valid[name].tolist(), strict=True)]
        )
        for name, values in columns.values.items()
    }


def test_the_oracle_knows_every_aggregate() -> None:
    """A new aggregate needs its definition in SQL."""
    assert set(PARTS) == set(FUNCTIONS) >= set(AGGREGATES)


@pytest.mark.parametrize("kind", KEYS)
@given(sent=st.lists(sent_events, max_size=40), observed=observations, portion_rows=st.sampled_from([15, 100]))
@settings(max_examples=12)
def test_backfill_equals_the_definition(
    kind: str, sent: list[Sent], observed: list[tuple[str, int, int]], portion_rows: int
) -> None:
    """Every cell, bit for bit: strictly before, tails on hops, nulls, unknown entities, sums beyond 2^53.

    Whether entities are worked on one by one, some at a time, or all at once.
    """
    view = view_on(KEYS[kind])
    at_us = np.array([at for _, _, at in observed], np.int64)
    keys = {
        "device": np.array([device for device, _, _ in observed], object),
        "port": np.array([port for _, port, _ in observed], np.int64),
    }
    asked = {name: keys[name] for name in KEYS[kind]}
    columns = backfill(view, SOURCE, as_lake(sent), asked, at_us, threads=2, portion_rows=portion_rows)
    values, newest_us = oracle(
        view, SOURCE, as_sent(sent), {name: keys[name].tolist() for name in keys}, at_us.tolist()
    )
    assert cells(columns) == {name: bits(column) for name, column in values.items()}
    assert columns.newest_us.tolist() == [-1 if newest is None else newest for newest in newest_us]


@pytest.mark.usefixtures("every_kernel")
@given(sent=st.lists(sent_events, max_size=40), later_us=st.lists(st.integers(0, 150), min_size=1, max_size=6))
@settings(max_examples=50)
def test_backfill_equals_the_stream(sent: list[Sent], later_us: list[int]) -> None:
    """The kernel's state after all events, asked at or after the newest one, finishes to the same cells."""
    view = view_on(KEYS["composite"])
    kernel = open_kernel(view, SOURCE)
    states: dict[tuple[str, int], Any] = {}
    for offset, event in enumerate(sent):
        if event.device is None or event.port is None:
            continue
        state = states.setdefault((event.device, event.port), kernel.new_state())
        value = None if event.value is None else round(event.value * 100)
        row = (event.device, event.port, event.at_us, value, event.units, event.label, event.ok)
        kernel.apply(state, (LOG, 0), offset, event.at_us, row)
    asked = [
        (entity, state.newest_us + later)
        for entity, state in states.items()
        for later in later_us
        if state.newest_us is not None
    ]
    keys = {
        "device": np.array([device for (device, _), _ in asked], object),
        "port": np.array([port for (_, port), _ in asked], np.int64),
    }
    columns = backfill(view, SOURCE, as_lake(sent), keys, np.array([at for _, at in asked], np.int64))
    finished = [kernel.finish(states[entity], at) for entity, at in asked]
    assert cells(columns) == {name: bits([row[i] for row in finished]) for i, name in enumerate(view.feature_names)}
    assert columns.newest_us.tolist() == [
        states[entity].newest_us if at > states[entity].newest_us else _newest_before(sent, entity, at)
        for entity, at in asked
    ]


def _newest_before(sent: Sequence[Sent], entity: tuple[str, int], at_us: int) -> int:
    return max((e.at_us for e in sent if (e.device, e.port) == entity and e.at_us < at_us), default=-1)


def by_hand(at_us: Sequence[int], devices: Sequence[str] | None = None) -> ViewColumns:
    """Three events of one device at 100, 130 and 130, seen over 60 µs in hops of 10."""
    view = ViewPlan(
        name="levels",
        topic="readings",
        keys=(EntityKeyPlan(name="device", type="string"),),
        features=(
            AggregatePlan(name="n", function="count", column="label", window_us=60, hop_us=10),
            AggregatePlan(name="total", function="sum", column="value", window_us=60, hop_us=10),
            AggregatePlan(name="least", function="min", column="value", window_us=60, hop_us=10),
            AggregatePlan(name="age", function="seconds_since_first", column="at"),
        ),
        ttl_us=0,
        hash="00112233445566ff",
    )
    events = as_lake(
        [
            Sent("a", 1, 130, 2.5, None, "x", None),
            Sent("a", 1, 100, 1.25, None, None, None),
            Sent("a", 1, 130, -4.0, None, "x", None),
        ]
    )
    keys = {"device": np.array(["a"] * len(at_us) if devices is None else devices)}
    return backfill(view, SOURCE, events, keys, np.array(at_us))


def test_an_event_at_the_instant_of_the_observation_does_not_count() -> None:
    """The head is strict; an instant later the event is in."""
    assert by_hand([130, 131]).values["n"].tolist() == [0, 2]
    assert by_hand([130, 131]).newest_us.tolist() == [100, 130]


def test_the_tail_is_rounded_down_to_a_hop() -> None:
    """Seen from 160 to 169 the window begins at 100, from 170 on at 110; at 200 it begins behind the last event."""
    assert by_hand([160, 169, 170, 199, 200]).values["total"].tolist() == [-0.25, -0.25, -1.5, -1.5, 0.0]


def test_an_entity_without_events_is_unknown() -> None:
    """Counts and sums are zero, all else null, no newest event."""
    columns = by_hand([500, 100, 500], ["nobody", "a", "a"])
    assert columns.newest_us.tolist() == [-1, -1, 130]
    assert columns.values["n"].tolist() == [0, 0, 0]
    assert columns.values["total"].tolist() == [0.0, 0.0, 0.0]
    assert columns.valid["least"].tolist() == [False, False, False]
    assert np.isnan(columns.values["least"]).all()
    assert columns.valid["age"].tolist() == [False, False, True]
    assert columns.valid["n"].all()
    assert columns.values["age"][2] == 0.0004


def test_no_observations_and_no_events_are_fine() -> None:
    """Empty in, empty out; a lake without events knows nobody."""
    assert by_hand([]).values["total"].tolist() == []
    view = view_on(("device", "port"))
    keys = {"device": np.array(["a"]), "port": np.array([1])}
    columns = backfill(view, SOURCE, as_lake([]), keys, np.array([5]))
    assert columns.newest_us.tolist() == [-1]
    assert columns.values["count_at_None"].tolist() == [0]


def test_keys_may_come_in_other_types_and_be_missing() -> None:
    """Fixed-width texts, 32-bit integers; a null key is an unknown entity."""
    events = as_lake([Sent("a", 1, 5, 1.0, None, None, None), Sent(None, None, 5, 1.0, None, None, None)])
    at_us = np.array([9, 9])
    texts = {"device": np.array(["a", None], object)}
    assert backfill(view_on(("device",)), SOURCE, events, texts, at_us).newest_us.tolist() == [5, -1]
    numbers = {"port": np.array([1, 2], np.int32)}
    assert backfill(view_on(("port",)), SOURCE, events, numbers, at_us).newest_us.tolist() == [5, -1]


def test_sums_beyond_64_bits_are_exact() -> None:
    """Totals of 10,000 values of nearly 2^52 leave int64; shorter windows beside them do not."""
    n = 10_000
    sent = [Sent("a", 1, at, LARGEST - 1, None, None, None) for at in range(n)]
    view = view_on(("device",), windows=((10, 1), (None, None)))
    columns = backfill(view, SOURCE, as_lake(sent), {"device": np.array(["a", "a"])}, np.array([n, 20]))
    quantised = round((LARGEST - 1) * 100)
    assert quantised * n > 2**63
    assert columns.values["sum_value_None"].tolist() == [quantised * n / 100, quantised * 20 / 100]
    assert columns.values["mean_value_None"].tolist() == [quantised * n / (n * 100)] * 2
    assert columns.values["sum_value_10"].tolist() == [quantised * 10 / 100] * 2


def test_a_mean_over_many_fine_numbers_is_exact() -> None:
    """At 15 decimals 9,224 events are enough for count times scale to leave int64."""
    n, scale = 9_224, 10**15
    total = 4 * scale * n + 1
    mean = AGGREGATES["mean"]
    values, valid = mean.finish_many([np.array([total, 0], object), np.array([n, 0])], np.array([5, 5]), scale)
    assert n * scale > 2**63
    assert values[0] == mean.finish([total, n], 5, scale)
    assert valid.tolist() == [True, False]


@given(
    st.lists(st.integers(-(2**52) + 1, 2**52 - 1), min_size=1, max_size=200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1),
    st.sampled_from(["add", "min", "max"]),
)
def test_ranges_merge_as_python_merges_them(rows: list[int], bounds: list[tuple[int, int]], monoid: Any) -> None:
    """Sums, least and most of any slices; empty ones give the identity."""
    ordered = [sorted((min(a, len(rows)), min(b, len(rows)))) for a, b in bounds]
    ranges = Ranges(np.array([low for low, _ in ordered]), np.array([high for _, high in ordered]))
    (merged,) = merge_ranges(monoid, np.array(rows), [ranges])
    slices = [rows[low:high] for low, high in ordered]
    expected = {
        "add": [sum(part) for part in slices],
        "min": [min(part, default=2**63 - 1) for part in slices],
        "max": [max(part, default=-(2**63)) for part in slices],
    }
    assert merged.tolist() == expected[monoid]


@pytest.mark.parametrize("n", [2_047, 2_048, 2_049, 5_000])
def test_sums_switch_to_wide_arithmetic_in_time(n: int) -> None:
    """Around the length where int64 could overflow, alternating signs included."""
    for row in (2**52 - 1, -(2**52) + 1):
        rows = np.full(n, row)
        rows[::7] = -row
        ranges = Ranges(np.array([0, 0, 5]), np.array([n, 1, 5]))
        assert merge_ranges("add", rows, [ranges])[0].tolist() == [sum(rows.tolist()), -row, 0]
        rows = np.full(n, row)
        assert merge_ranges("add", rows, [ranges])[0].tolist() == [n * row, row, 0]


def test_a_number_is_wanted_where_values_merge() -> None:
    """The sum of texts is refused by name."""
    view = msgspec.structs.replace(
        view_on(("device",)), features=(AggregatePlan(name="s", function="sum", column="label"),)
    )
    with pytest.raises(ValueError, match="column label holds string"):
        backfill(view, SOURCE, as_lake([]), {"device": np.array(["a"])}, np.array([5]))


def test_the_lake_feeds_the_backfill(tmp_path: Any) -> None:
    """From records, through files of two logs, to features: the oracle agrees."""
    lake: Lake = open_lake(str(tmp_path))
    generator = np.random.default_rng(5)
    sent = [
        Sent(
            device=f"d{generator.integers(20)}",
            port=int(generator.integers(3)),
            at_us=int(generator.integers(0, 3_000)) * 1_000,
            value=float(generator.normal() * 100) if generator.random() < 0.9 else None,
            units=int(generator.integers(9)),
            label=None,
            ok=None,
        )
        for _ in range(2_000)
    ]
    for part, log in enumerate((LOG, "BBBBBBBBQACAAAAAAAAAAQ")):
        chunk = sent[part * 1_000 : part * 1_000 + 1_000]
        values = [
            msgspec.json.encode(
                {
                    **msgspec.structs.asdict(event),
                    "at": f"1970-01-01T00:00:0{event.at_us // 1_000_000}.{event.at_us % 1_000_000:06}Z",
                }
            )
            for event in chunk
        ]
        kafka_us = [10_000_000] * len(chunk)
        decoded = Decoder(SOURCE).decode(values, kafka_us)
        assert decoded.reasons == {}
        lake.append(SOURCE, log, 0, LakeBatch(len(chunk), range(len(chunk)), kafka_us, values, decoded))
    view = view_on(("device", "port"), windows=((1_000_000, 100_000), (50_000, 5_000), (None, None)))
    at_us = generator.integers(0, 4_000, 500) * 1_000
    keys = {
        "device": np.array([f"d{i}" for i in generator.integers(22, size=500)]),
        "port": generator.integers(3, size=500),
    }
    columns = backfill(view, SOURCE, lake.read(SOURCE), keys, at_us)
    values_, newest_us = oracle(
        view, SOURCE, as_sent(sent), {name: column.tolist() for name, column in keys.items()}, at_us.tolist()
    )
    assert cells(columns) == {name: bits(column) for name, column in values_.items()}
    assert sum(newest is not None for newest in newest_us) > 300


def test_many_keys_of_many_values_are_kept_apart() -> None:
    """Five keys of 2^13 values: more combinations than a 64-bit number tells apart, and no two share events."""
    n, names = 2**13, [f"k{i}" for i in range(5)]
    source = SourcePlan(
        topic="hops",
        timestamp_column="at",
        max_ahead_us=0,
        columns=(
            *(ColumnPlan(name=name, type="int64", nullable=False) for name in names),
            ColumnPlan(name="at", type="timestamp", nullable=False),
        ),
    )
    view = ViewPlan(
        name="hops",
        topic="hops",
        keys=tuple(EntityKeyPlan(name=name, type="int64") for name in names),
        features=(AggregatePlan(name="n", function="count", column="at"),),
        ttl_us=0,
        hash="00112233445566ff",
    )
    same = np.append(np.arange(n), 0)
    keys = {**dict.fromkeys(names, same), "k0": np.append(np.arange(n), n // 2)}  # the last is 2^64 beyond the first
    events = pa.table({**keys, "at": [1] * (n + 1), "event_us": [1] * (n + 1)})
    columns = backfill(view, source, events, keys, np.full(n + 1, 5))
    assert columns.values["n"].tolist() == [1] * (n + 1)
