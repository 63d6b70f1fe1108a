"""Models of every task, asked over gRPC: what they answer, and what is recorded of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from features.bundle import EXPLAIN, MODEL, read_bundle, write_manifest
from features.errors import BundleCorruptError
from features.head import Decision, Head, Task
from features.shapley import LinearTables, write_explanation
from features.sigmoid import sigmoid
from features.softmax import softmax
from features.vector import MissingPolicy
from grpc_api.pointer import Pointer
from grpc_api.proof import prove
from millstream import BatchRow, CallRefusedError, Client, RowFailure, ServerUnavailableError
from tests.grpc_api.shop import DECLARATIONS, PLAN, open_shop, publish, write_bundle
from tests.waiting import wait_until

MOODS = Head("softmax", ("calm", "keen", "cross"))
WEIGHTS = ([1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.1, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0, 0.5])
BASKET = {"basket": 30.0}
FEATURES = PLAN.service("buyers").feature_names
ANN = [2.0, 30.0, 15.0, 3600.0, 2.0]
"""Ann's vector at noon, with that basket."""


def test_a_model_of_several_classes_decides_on_the_likeliest(tmp_path: Path) -> None:
    """Each class has its probability; score and raw score are those of the one decided on. The record says it all."""
    publish(tmp_path, "1", task="multiclass", head=MOODS, weights=WEIGHTS)
    with open_shop(tmp_path) as (shop, client):
        result = client.score({"buyer": "ann"}, request=BASKET)
        (again,) = client.score_batch([{"buyer": "ann"}])

    raws = [2.0, 30.0 * 0.1, -14.0]
    assert (result.decision, result.raw_score) == ("keen", raws[1])
    assert [one.name for one in result.classes] == list(MOODS.classes)
    assert [one.raw_score for one in result.classes] == raws
    assert tuple(one.score for one in result.classes) == softmax(raws)
    assert result.score == softmax(raws)[1]
    assert not isinstance(again, RowFailure)
    assert len(again.classes) == 3
    record = shop.records.records[0]
    assert (record.link, record.classes, record.decision) == ("softmax", MOODS.classes, "keen")
    assert (record.raw_scores, record.scores) == (tuple(raws), softmax(raws))
    assert (record.raw_score, record.score) == (result.raw_score, result.score)


@pytest.mark.parametrize(
    ("task", "head", "score", "decision"),
    [
        ("regression", Head("identity"), 9.5, ""),
        (
            "regression",
            Head("identity", (), Decision(thresholds=(5.0, 9.5), names=("low", "fair", "high"))),
            9.5,
            "high",
        ),
        ("anomaly", Head("identity", (), Decision(thresholds=(9.75,), names=("usual", "odd"))), 9.5, "usual"),
        ("anomaly", Head("sigmoid", (), Decision(thresholds=(0.5,), names=("usual", "odd"))), sigmoid(9.5), "odd"),
        ("binary", Head("identity", (), Decision(thresholds=(0.5,), names=("no", "yes"))), 9.5, "yes"),
    ],
)
def test_a_model_of_one_output_answers_by_its_link_and_thresholds(
    tmp_path: Path, task: Task, head: Head, score: float, decision: str
) -> None:
    """A value, an anomaly score or a probability; a score at a threshold is above it."""
    publish(tmp_path, "1", task=task, head=head)
    with open_shop(tmp_path) as (shop, client):
        result = client.score({"buyer": "ann"}, request=BASKET)

    assert (result.raw_score, result.score, result.decision, result.classes) == (9.5, score, decision, ())
    (record,) = shop.records.records
    assert (record.link, record.score, record.decision) == (head.link, score, decision)
    assert (record.classes, record.scores, record.raw_scores) == ((), (), ())


def test_a_clustering_decides_on_the_nearest_cluster(tmp_path: Path) -> None:
    """Scores are distances, those to all clusters beside that to the one decided on."""
    clusters = Head("negated", ("far", "near"))
    publish(tmp_path, "1", task="clustering", head=clusters, weights=([-2.0, 0, 0, 0, 0], [-1.0, 0, 0, 0, 0]))
    with open_shop(tmp_path) as (shop, client):
        result = client.score({"buyer": "ann"}, request=BASKET)
        (info,) = client.list_models()

    assert (result.decision, result.score, result.raw_score) == ("near", 2.0, -2.0)
    assert [(one.name, one.score) for one in result.classes] == [("far", 4.0), ("near", 2.0)]
    assert (info.task, info.classes) == ("clustering", ("far", "near"))
    assert (shop.records.records[0].link, shop.records.records[0].scores) == ("negated", (4.0, 2.0))


def test_a_vector_may_be_supplied_in_the_models_order(tmp_path: Path) -> None:
    """Nothing is fetched for it, the score is that of the same vector fetched, and the record says whose it was."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        fetched = client.score({"buyer": "ann"}, request=BASKET)
        supplied = client.score(vector=ANN, request_id="mine")
        named = client.score({"buyer": "ann"}, vector=dict(zip(FEATURES, ANN, strict=True)))

    assert supplied.raw_score == named.raw_score == fetched.raw_score
    assert (supplied.newest_feature_age, supplied.notes) == (None, ())
    ours, mine, anns = shop.records.records
    assert (ours.source, mine.source, anns.source) == ("fetched", "supplied", "supplied")
    assert mine.vector == ours.vector == tuple(ANN)
    assert (mine.entity, mine.views, mine.request_id) == ({}, (), "mine")
    assert anns.entity == {"buyer": "ann"}


def test_what_a_named_vector_leaves_out_is_treated_by_the_policy(tmp_path: Path) -> None:
    """A default with its note, NaN with one, or a refusal; NaN that was sent is a value like others."""
    publish(tmp_path, "1", missing=MissingPolicy(features={"spend:n_day": 7.0, "spend:since_last": "fail"}))
    with open_shop(tmp_path) as (shop, client):
        result = client.score(vector={"spend:since_last": 1.0, "spend:sum_day": 4.0})
        sent = client.score(vector={**dict.fromkeys(FEATURES, 1.0), "spend:sum_day": None})
        with pytest.raises(CallRefusedError, match=r"spend:since_last: is missing \(not_supplied\)"):
            client.score(vector={"spend:n_day": 1.0})

    assert result.raw_score == 8.0
    assert {(note.feature, note.reason, note.defaulted) for note in result.notes} == {
        ("spend:n_day", "not_supplied", True),
        ("spend:mean_day", "not_supplied", False),
        ("at_request:basket_ratio", "not_supplied", False),
    }
    assert (sent.raw_score, sent.notes) == (1.0, ())
    assert shop.records.records[1].vector == (1.0, None, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([1.0], "vector: has 1 values; the model takes spend:n_day, "),
        ([1.0, 2.0, 3.0, 4.0, math.inf], "at_request:basket_ratio: is infinite"),
        ({"spend:colour": 1.0}, "spend:colour: is no input of this model"),
    ],
)
def test_a_vector_that_is_none_of_the_models_is_refused(
    tmp_path: Path, vector: list[float] | dict[str, float], message: str
) -> None:
    """By name; nothing is recorded."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        with pytest.raises(CallRefusedError, match=message + r".*INVALID_ARGUMENT"):
            client.score(vector=vector)
        with pytest.raises(CallRefusedError, match="request: comes beside a vector"):
            client.score(vector=ANN, request=BASKET)

    assert shop.records.records == []


def test_vectors_need_no_store(tmp_path: Path) -> None:
    """In a batch of both, only the others fail when it is away."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        shop.store.shards.stop()
        wait_until_unserved(client)
        assert client.score(vector=ANN).raw_score == 9.5
        rows = [BatchRow(vector=ANN) for _ in range(250)]
        results = client.score_batch([*rows[:100], {"buyer": "ann"}, *rows[100:]])

    assert [type(result).__name__ for result in results].count("RowFailure") == 1
    assert isinstance(results[100], RowFailure)
    assert results[100].code == "UNAVAILABLE"


def wait_until_unserved(client: Client) -> None:
    def unserved() -> bool:
        try:
            client.score({"buyer": "ann"})
        except ServerUnavailableError:
            return True
        return False

    wait_until(unserved)


def test_a_model_that_gives_no_number_refuses(tmp_path: Path) -> None:
    """Here a weight so large that the sum overflows: no decision is made of infinity, and no record could hold it."""
    publish(tmp_path, "1", weights=[1e308, 1e308, 0.0, 0.0, 0.0])
    with open_shop(tmp_path) as (shop, client):
        with pytest.raises(CallRefusedError, match=r"features: make the model give inf; .*INVALID_ARGUMENT"):
            client.score({"buyer": "ann"})
        (failure,) = client.score_batch([{"buyer": "ann"}])

    assert isinstance(failure, RowFailure)
    assert shop.records.records == []


def test_a_model_of_other_outputs_than_its_manifest_says_is_corrupt(tmp_path: Path) -> None:
    """Found before it may serve."""
    bundle = write_bundle(tmp_path / "b", task="multiclass", head=MOODS, weights=WEIGHTS)
    other = write_bundle(
        tmp_path / "other", task="multiclass", head=MOODS._replace(classes=("a", "b")), weights=WEIGHTS[:2]
    )
    pointer = Pointer(model="buys", version="1", path="b", digest=bundle.digest)
    prove(bundle.path, pointer, [DECLARATIONS])
    mixed = reseal(other.path, bundle.path)
    with pytest.raises(BundleCorruptError, match=r"gives \(2, 2\) for 2 rows, its manifest says \(2, 3\)"):
        prove(bundle.path, Pointer(model="buys", version="1", path="b", digest=mixed), [DECLARATIONS])


def reseal(source: Path, target: Path) -> str:
    """Put one bundle's model into another; its new digest."""
    manifest = read_bundle(target).manifest
    (target / MODEL).write_bytes((source / MODEL).read_bytes())
    return write_manifest(target, manifest).digest


def test_an_explanation_that_does_not_sum_to_the_raw_score_is_corrupt(tmp_path: Path) -> None:
    """It is held against the golden rows before the bundle may serve."""
    bundle = write_bundle(tmp_path / "b")
    tables = LinearTables(np.array([[1.0, 0.25, 1e-7, 0.0, 0.0]]), np.zeros(1), np.zeros(5), np.zeros(5))
    write_explanation(bundle.file(EXPLAIN), tables)
    digest = write_manifest(bundle.path, bundle.manifest).digest
    with pytest.raises(BundleCorruptError, match=r"golden row 0: .* explain"):
        prove(bundle.path, Pointer(model="buys", version="1", path="b", digest=digest), [DECLARATIONS])
