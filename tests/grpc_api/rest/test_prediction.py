"""``/predict`` and ``/predict_batch`` answer what gRPC answers, bit for bit, in the words that most services use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.grpc_api.gallery import N_FEATURES, Gallery, open_gallery
from tests.grpc_api.shop import NOON_US, PLAN

FEATURES = PLAN.service("buyers").feature_names
NOON = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOON_US)
ANSWERED = {"prediction", "probability", "confidence", "model_version", "request_id"}
ANN = {"entity": {"buyer": "ann"}, "request": {"basket": 30}}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A scorer with a model of each task."""
    with open_gallery(tmp_path_factory.mktemp("models")) as opened:
        yield opened


def test_an_entity_is_scored_as_over_grpc(gallery: Gallery) -> None:
    """Exactly the six fields, where there is nothing to note."""
    ours = gallery.client.score({"buyer": "ann"}, model="buys", request={"basket": 30.0})
    reply = gallery.rest.post("/predict", {"model": "buys", "request_id": "mine", **ANN})
    assert reply.status == 200
    assert reply.json.keys() == ANSWERED | {"processing_time_ms"}
    assert reply.json.pop("processing_time_ms") > 0
    assert {name: value for name, value in reply.json.items() if name != "processing_time_ms"} == {
        "prediction": ours.decision,
        "probability": ours.score,
        "confidence": ours.score,
        "model_version": "1",
        "request_id": "mine",
    }


def test_vectors_are_scored_as_over_grpc(gallery: Gallery) -> None:
    """Each model's, one at a time by position and by name, and all at once."""
    vectors = np.random.default_rng(3).normal(scale=8.0, size=(20, N_FEATURES)).tolist()
    for model in ("buys", "kinds", "price", "odd"):
        expected = [
            {"prediction": one.decision or one.score, "probability": one.score if model in {"buys", "kinds"} else None}
            for one in gallery.score_vectors(model, vectors)
        ]
        by_name = [dict(zip(FEATURES, vector, strict=True)) for vector in vectors]
        for features in (vectors, by_name):
            instances = [{"features": one} for one in features]
            batch = gallery.rest.post("/predict_batch", {"model": model, "instances": instances}).json
            assert [keep(one, *expected[0]) for one in batch["predictions"]] == expected
            assert {one["status"] for one in batch["predictions"]} == {"ok"}
            single = [gallery.rest.post("/predict", {"model": model, **one}).json for one in instances]
            assert [keep(one, *expected[0]) for one in single] == expected


def keep(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def test_confidence_is_that_of_the_likelier_class(gallery: Gallery) -> None:
    """Of two classes, of several, and none where nothing is a probability."""
    low = gallery.rest.post("/predict", {"model": "buys", "features": [-1.0, 0.0, 0.0, 0.0, 0.0]}).json
    assert low["confidence"] == 1.0 - low["probability"] > 0.5
    kind = gallery.rest.post("/predict", {"model": "kinds", "features": [1.0] * 5}).json
    assert kind["confidence"] == kind["probability"]
    price = gallery.rest.post("/predict", {"model": "price", "features": [3.0] * 5}).json
    assert (price["prediction"], price["probability"], price["confidence"]) == (3.75, None, None)


def test_a_vector_of_the_caller_is_marked_in_its_record(gallery: Gallery) -> None:
    """So that it is never taken for one of the stream's; null has no value."""
    gallery.rest.post("/predict", {"model": "buys", "features": [1, None, 2.5, 0, 0]})
    record = gallery.shop.records.records[-1]
    assert (record.source, record.vector) == ("supplied", (1.0, None, 2.5, 0.0, 0.0))
    gallery.rest.post("/predict", {"model": "buys", **ANN})
    assert gallery.shop.records.records[-1].source == "fetched"


def test_what_is_to_note_is_told(gallery: Gallery) -> None:
    """An unknown entity has no features, and the answer says so."""
    answer = gallery.rest.post("/predict", {"model": "buys", "entity": {"buyer": "nobody"}, "request": {"basket": 1}})
    assert {(note["feature"], note["reason"]) for note in answer.json["notes"]} == {
        (name, "unknown_entity") for name in FEATURES
    }


@pytest.mark.parametrize("as_of", [NOON.isoformat(), (NOON.astimezone(UTC)).isoformat().replace("+00:00", "Z")])
def test_windows_end_at_as_of(gallery: Gallery, as_of: str) -> None:
    """An instant with its offset."""
    ours = gallery.client.score({"buyer": "ann"}, model="buys", as_of=NOON, request={"basket": 30.0})
    reply = gallery.rest.post("/predict", {"model": "buys", "as_of": as_of, **ANN})
    assert reply.json["probability"] == ours.score


def test_a_bad_instance_fails_alone(gallery: Gallery) -> None:
    """Whatever is wrong with it; the others keep their places."""
    instances: list[Any] = [
        ANN,
        {"entity": {"buyer": 1}},
        7,
        {"entity": {"buyer": "ann"}, "colour": "red"},
        {"features": [1.0]},
        {"features": [1.0] * 5},
        {"entity": {}},
        {"as_of": "1972-09-27T12:00:00", **ANN},
        {"features": [1e999] * 5},
        ANN,
    ]
    batch = gallery.rest.post("/predict_batch", {"model": "buys", "instances": instances})
    assert batch.status == 200
    assert batch.json.keys() == {"predictions", "processing_time_ms"}
    rows = batch.json["predictions"]
    assert [row["status"] for row in rows] == ["ok", *["error"] * 4, "ok", *["error"] * 3, "ok"]
    assert rows[0].keys() == ANSWERED | {"status"}
    for row, words in zip(
        [row for row in rows if row["status"] == "error"],
        ["entity.buyer: is set as `integer`", "body: input should be a valid dictionary", "colour: extra inputs",
         "vector", "entity.buyer: is missing", "as_of: input should have timezone info", "is infinite"],
        strict=True,
    ):  # fmt: skip
        assert row["prediction"] is None
        assert words in row["error"], row


@pytest.mark.parametrize(
    ("path", "question", "status", "problem"),
    [
        ("/predict", {"model": "sells", **ANN}, 404, "model: 'sells' is not served; name one of"),
        ("/predict", ANN, 404, "several models are served"),
        ("/predict", {"model": "buys"}, 400, "entity.buyer: is missing; the join keys are buyer (string)"),
        ("/predict", {"model": "buys", "entity": {"buyer": True}}, 400, "entity.buyer: input should be a valid string"),
        (
            "/predict",
            {"model": "buys", "entity": {"buyer": "\ud800"}},
            400,
            "entity.buyer: value error, has half a character",
        ),
        ("/predict", {"model": "buys", "\ud800": 1}, 400, "unable to parse"),
        ("/predict", {"model": "buys", "entity": {"\ud800": 1}}, 400, "half a character"),
        ("/predict", {"model": "buys", "entity": {"buyer": 2**70}}, 400, "entity.buyer"),
        ("/predict", {"model": "buys", "features": [10**400] * 5}, 400, "features"),
        ("/predict", {"model": "buys", "features": {"spend:nothing": 1}}, 400, "spend:nothing"),
        ("/predict", {"model": "buys", "features": [True] * 5}, 400, "features"),
        ("/predict", {"model": "buys", "as_of": "2300-01-01T00:00:00Z", **ANN}, 400, "as_of"),
        ("/predict", {"model": "buys", "colour": 1, **ANN}, 400, "colour: extra inputs are not permitted"),
        ("/predict", [ANN], 400, "body"),
        ("/predict_batch", {"model": "buys"}, 400, "instances: field required"),
        ("/predict_batch", {"model": "sells", "instances": []}, 404, "is not served"),
        ("/predict_batch", {"model": "buys", "instances": [ANN] * 1_001}, 400, "send at most 1000 at a time"),
        ("/nothing", {}, 404, "POST /nothing: not found; the routes are in /openapi.json"),
    ],
)
def test_what_is_wrong_is_told(gallery: Gallery, path: str, question: Any, status: int, problem: str) -> None:
    """What, where and what to do, with the status of gRPC's code."""
    reply = gallery.rest.post(path, question)
    assert (reply.status, reply.json.keys()) == (status, {"error"})
    assert problem in reply.json["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 10_000, b'{"model": "buys", "entity": 1' + b"0" * 5_000])
def test_bodies_that_are_no_json_are_refused(gallery: Gallery, body: bytes) -> None:
    """In the same form."""
    reply = gallery.rest.send("POST", "/predict", body, {"content-type": "application/json"})
    assert (reply.status, reply.json.keys()) == (400, {"error"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {"model": st.sampled_from(["buys", "kinds"])},
    optional=dict.fromkeys(("entity", "features", "request", "as_of", "request_id", "instances", "inputs"), JSON),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=FIELDS | JSON, path=st.sampled_from(["/predict", "/predict_batch", "/v2/models/buys/infer"]))
def test_no_question_makes_the_server_fail(gallery: Gallery, question: Any, path: str) -> None:
    """Any JSON is answered or refused."""
    reply = gallery.rest.post(path, question)
    assert reply.status in {200, 400, 404}, (reply, json.dumps(question))
