"""Aggregates of derived and of filtered columns: stream, backfill and plain SQL agree bit for bit."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.aggregates import aggregate_of
from features.backfill import backfill
from features.decode import Decoder
from features.kernels import open_kernel
from features.lake.rows import LakeBatch, place_rows, to_table, with_masks
from features.plan import ColumnPlan, DerivedPlan, EntityKeyPlan, MaskPlan, SourcePlan, ViewPlan
from tests.features.oracle import oracle
from tests.features.strategies import FUNCTIONS, features_of

LOG = "AAAAAAAAQACAAAAAAAAAAQ"
DERIVATIONS = """
def worth(price: float | None, pieces: int | None) -> float | None:
    return None if price is None or pieces is None else price * pieces

def counts(paid: bool | None, pieces: int | None) -> bool | None:
    return None if pieces is None else bool(paid) and pieces > 0
"""
IN_SQL = """
SELECT *, price * pieces AS worth,
CASE WHEN pieces IS NULL THEN NULL ELSE coalesce(paid, false) AND pieces > 0 END AS counts
FROM sent
"""
MASKS = (
    MaskPlan(column="price", where="paid"),
    MaskPlan(column="worth", where="counts"),
    MaskPlan(column="at", where="counts"),
    MaskPlan(column="counts", where="paid"),
)
SOURCE = SourcePlan(
    topic="payments",
    timestamp_column="at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="card", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="pieces", type="int64", nullable=True, decimals=0),
        ColumnPlan(name="paid", type="bool", nullable=True),
    ),
    derived=(
        DerivedPlan(
            name="worth", type="float64", nullable=True, decimals=3, function="worth", parameters=("price", "pieces")
        ),
        DerivedPlan(name="counts", type="bool", nullable=True, function="counts", parameters=("paid", "pieces")),
    ),
    functions=DERIVATIONS,
    masks=MASKS,
)
VIEW = ViewPlan(
    name="spend",
    topic="payments",
    keys=(EntityKeyPlan(name="card", type="string"),),
    features=tuple(
        feature
        for function in FUNCTIONS
        for column in ("worth", "counts", *(mask.name for mask in MASKS))
        if not aggregate_of(function).numeric or SOURCE.column(column).decimals is not None
        for feature in features_of(function, column, ((60, 10), (None, None)))
    ),
    ttl_us=0,
    hash="00112233445566ff",
)

rows = st.fixed_dictionaries(
    {
        "card": st.sampled_from("ab"),
        "at": st.integers(0, 200),
        "price": st.none() | st.decimals(-100, 100, places=3).map(float),
        "pieces": st.none() | st.integers(-3, 3),
        "paid": st.none() | st.booleans(),
    }
)


def as_json(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row | {"at": f"1970-01-01T00:00:00.{row['at']:06}Z"})


def as_sent(sent: list[dict[str, Any]]) -> pa.Table:
    """The rows, and what SQL derives of them."""
    import duckdb

    kinds = {"card": pa.string(), "at": pa.int64(), "price": pa.float64(), "pieces": pa.int64(), "paid": pa.bool_()}
    table = pa.table({name: pa.array([row[name] for row in sent], kind) for name, kind in kinds.items()})
    table = table.append_column("event_us", table.column("at"))
    with duckdb.connect() as connection:
        connection.register("sent", table)
        return connection.sql(IN_SQL).to_arrow_table()


@pytest.mark.usefixtures("every_kernel")
@given(st.lists(rows, max_size=30), st.lists(st.tuples(st.sampled_from("ab?"), st.integers(0, 300)), max_size=6))
@settings(max_examples=15)
def test_both_executions_say_what_sql_says(sent: list[dict[str, Any]], asked: list[tuple[str, int]]) -> None:
    """Every aggregate over derived columns, and over columns behind a filter that was sent or derived."""
    values = [as_json(row) for row in sent]
    decoded = Decoder(SOURCE).decode(values, [1_000] * len(sent))
    assert decoded.reasons == {}
    kernel = open_kernel(VIEW, SOURCE)
    states = {card: kernel.new_state() for card in "ab"}
    for offset, (row, columns) in enumerate(zip(sent, decoded.columns, strict=True)):
        assert columns is not None
        kernel.apply(states[row["card"]], (LOG, 0), offset, row["at"], columns)
    newest_us = {card: state.newest_us for card, state in states.items() if state.newest_us is not None}
    asked = [(card, at_us) for card, at_us in asked if card not in newest_us or at_us > newest_us[card]]
    cards, instants = [card for card, _ in asked], [at_us for _, at_us in asked]
    expected, _ = oracle(VIEW, SOURCE, as_sent(sent), {"card": cards}, instants)

    batch = LakeBatch(len(sent), range(len(sent)), [1_000] * len(sent), values, decoded)
    events = with_masks(SOURCE, place_rows(to_table(SOURCE, batch), LOG, 0))
    columns_ = backfill(VIEW, SOURCE, events, {"card": np.array(cards, dtype=object)}, np.array(instants, np.int64))
    finished = [kernel.finish(states.get(card, kernel.new_state()), at_us) for card, at_us in asked]
    for place, name in enumerate(VIEW.feature_names):
        filled = [
            value if valid else None
            for value, valid in zip(columns_.values[name].tolist(), columns_.valid[name].tolist(), strict=True)
        ]
        assert list(map(repr, filled)) == list(map(repr, expected[name])), VIEW.features[place]
        assert [repr(row[place]) for row in finished] == list(map(repr, expected[name])), VIEW.features[place]
