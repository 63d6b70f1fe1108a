"""Explanations, asked over gRPC: exact, additive, and of whichever class is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream import CallRefusedError, Client, Explanation
from tests.grpc_api.shop import Shop, open_shop, publish
from tests.grpc_api.test_tasks import ANN, BASKET, FEATURES, MOODS, WEIGHTS

Running = tuple[Shop, Client]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A model of one output and one of three classes, and one of which nothing exact is known."""
    publish(tmp_path, "1", bias=0.5)
    publish(tmp_path, "1", model="moods", task="multiclass", head=MOODS, weights=WEIGHTS)
    publish(tmp_path, "1", model="opaque", explained=False)
    with open_shop(tmp_path) as (shop, client):
        yield shop, client


def total(found: Explanation) -> float:
    """What an explanation sums to."""
    return math.fsum([found.base, found.rest, *(one.contribution for one in found.contributions)])


def test_contributions_sum_to_the_raw_score(running: Running) -> None:
    """The largest first, each with what the model was given; the answer is that of `Score`, and leaves no record."""
    shop, client = running
    found = client.explain({"buyer": "ann"}, model="buys", request=BASKET)

    assert abs(total(found) - found.raw_score) < 1e-9
    assert found.base == 0.5 + 1.0 + 0.25
    assert [(one.feature, one.value, one.contribution) for one in found.contributions[:2]] == [
        ("spend:sum_day", 30.0, 0.25 * 29.0),
        ("spend:n_day", 2.0, 1.0),
    ]
    assert (len(found.contributions), found.rest, found.class_name) == (5, 0.0, "")
    assert shop.records.records == []
    answer = client.score({"buyer": "ann"}, model="buys", request=BASKET, request_id=found.answer.request_id)
    assert found.answer == answer
    assert found.raw_score == answer.raw_score


def test_top_contributions_leave_a_rest(running: Running) -> None:
    """So that the sum still holds."""
    found = running[1].explain({"buyer": "ann"}, model="buys", request=BASKET, top=1)

    assert [one.feature for one in found.contributions] == ["spend:sum_day"]
    assert found.rest == 1.0
    assert abs(total(found) - found.raw_score) < 1e-9
    assert len(running[1].explain({"buyer": "ann"}, model="buys", top=99).contributions) == 5


def test_of_several_classes_the_one_decided_on_is_explained_or_any_other(running: Running) -> None:
    """Each class has raw scores of its own."""
    client = running[1]
    decided = client.explain(vector=ANN, model="moods")
    other = client.explain(vector=ANN, model="moods", class_name="cross", top=2)

    assert (decided.class_name, decided.raw_score) == ("keen", decided.answer.raw_score)
    assert (other.class_name, other.raw_score) == ("cross", -14.0)
    assert [one.feature for one in other.contributions] == ["spend:mean_day", "at_request:basket_ratio"]
    assert abs(total(decided) - decided.raw_score) < 1e-9
    assert abs(total(other) - other.raw_score) < 1e-9


def test_what_the_model_was_not_given_has_no_value(running: Running) -> None:
    """An unknown entity's features are NaN; that too contributes."""
    found = running[1].explain({"buyer": "nobody"}, model="buys")

    assert {one.value for one in found.contributions} == {None}
    assert {one.feature for one in found.contributions} == set(FEATURES)
    assert abs(total(found) - found.raw_score) < 1e-9
    assert len(found.answer.notes) == 5


def test_what_cannot_be_explained_is_refused(running: Running) -> None:
    """A model of which nothing exact is known, a class that there is not, a class where there is one output."""
    client = running[1]
    with pytest.raises(CallRefusedError, match=r"model opaque: no exact contributions .*UNIMPLEMENTED"):
        client.explain(vector=ANN, model="opaque")
    with pytest.raises(CallRefusedError, match=r"class_name: 'glad' is no class; name one of .*NOT_FOUND"):
        client.explain(vector=ANN, model="moods", class_name="glad")
    with pytest.raises(CallRefusedError, match=r"class_name: is set, .*INVALID_ARGUMENT"):
        client.explain(vector=ANN, model="buys", class_name="buys")
    with pytest.raises(CallRefusedError, match="top is 0"):
        client.explain(vector=ANN, model="buys", top=0)
