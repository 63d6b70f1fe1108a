"""The short way to a vector leads where the long one does."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from features.errors import MillstreamError
from features.head import Head, Prediction
from features.kernels import KERNEL
from features.nouns import ScoreRecord
from features.plan import AggregatePlan
from features.store import Birth
from features.vector import MissingPolicy, Vector
from grpc_api.births import Births
from grpc_api.finishing import finish, readings, to_vector
from grpc_api.score_record import encode_record
from grpc_api.scoring import Asked, Scored
from grpc_api.served_model import Inputs, ServedModel
from tests.grpc_api.shop import BIRTH, DAY_US, DECLARATIONS, HOUR_US, LOG, NOON_US

INPUTS = Inputs(DECLARATIONS, "buyers_in_shops", MissingPolicy())
instants = st.integers(NOON_US - 3 * DAY_US, NOON_US) | st.integers(NOON_US - 40 * DAY_US, NOON_US)
events = st.lists(st.tuples(instants, st.none() | st.integers(-(2**52) + 1, 2**52 - 1)), max_size=8)
as_of = st.sampled_from([NOON_US, NOON_US + 1, NOON_US + HOUR_US]) | instants


def state_of(view: int, happened: list[tuple[int, int | None]]) -> bytes | None:
    """As it is stored; None of no events."""
    kernel = INPUTS.kernels[view]
    state = kernel.new_state()
    for offset, (at_us, price) in enumerate(happened):
        kernel.apply(state, (LOG, view), offset, at_us, ("b", at_us, price))
    return kernel.encode(state) if state.newest_us is not None else None


def bits(vector: Vector) -> Any:
    """To compare by: NaN is no NaN's equal."""
    return struct.pack(f"{len(vector.values)}d", *vector.values), vector.notes


@pytest.mark.skipif(KERNEL != "compiled", reason="was not built here: no C compiler")
@given(spend=events, pairs=events, as_of_us=as_of)
def test_the_short_way_leads_where_the_long_one_does(spend: Any, pairs: Any, as_of_us: int) -> None:
    """And is gone by just the rows of which there is nothing to say."""
    stored = [state_of(0, spend), state_of(1, pairs)]
    finished, values = finish(INPUTS, stored, as_of_us)
    expected = INPUTS.assembler.assemble(as_of_us, values, {})
    assert INPUTS.take_fresh is not None
    assert (INPUTS.take_fresh(stored, as_of_us) is None) == bool(expected.notes)
    found, vector = to_vector(INPUTS, stored, as_of_us, {})
    assert bits(vector) == bits(expected)
    assert found == finished


@pytest.mark.skipif(KERNEL != "compiled", reason="was not built here: no C compiler")
def test_a_damaged_state_is_no_vector() -> None:
    """The long way says what is wrong with it."""
    with pytest.raises(MillstreamError, match="cut short"):
        to_vector(INPUTS, [state_of(0, [(NOON_US, 5)]), b"\x02"], NOON_US, {})


def test_request_time_features_and_cells_have_the_long_way() -> None:
    """Which would be gone after the short one each time."""
    assert Inputs(DECLARATIONS, "buyers", MissingPolicy()).take_fresh is None
    distinct = AggregatePlan(name="n_prices", function="count_distinct", column="price")
    views = tuple(replace(view, features=(*view.features, distinct)) for view in DECLARATIONS.plan.views)
    declared = dataclasses.replace(DECLARATIONS, plan=replace(DECLARATIONS.plan, views=views))
    assert Inputs(declared, "buyers_in_shops", MissingPolicy()).take_fresh is None


@given(spend=events, pairs=events)
def test_a_record_names_the_states_that_were_read(spend: Any, pairs: Any) -> None:
    """As it would if they were encoded with it."""
    births = Births(
        {
            (view.name, view.hash): Birth(view=view.name, view_hash=view.hash, id=BIRTH, cut={}, serving=True)
            for view in INPUTS.views
        }
    )
    stored = [state_of(0, spend), state_of(1, pairs)]
    finished, vector = to_vector(INPUTS, stored, NOON_US, {})
    nothing = dict.fromkeys(ServedModel._fields) | {"name": "m", "inputs": INPUTS, "head": Head("identity")}
    model = ServedModel(**nothing | {"version": "1", "digest": "d", "plan_hash": "p", "features": ()})  # type: ignore[arg-type]
    record = encode_record(
        Scored(
            model=model.as_arm("champion"),
            asked=Asked("r", {}, None, {}),
            as_of_us=NOON_US,
            scored_at_us=NOON_US,
            births=births,
            finished=finished,
            vector=vector,
            raw_scores=[0.5],
            prediction=Prediction(0.5, 0.5, ""),
        )
    )
    read = readings(INPUTS, finished, births)
    assert b'"views":%b,"vector":' % msgspec.json.encode(read) in record
    assert msgspec.json.decode(record, type=ScoreRecord).views == read
