"""The Open Inference Protocol, asked over gRPC and REST; every way gives the bits of ``ScoreBatch``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api.open_inference.datatypes import DATATYPES
from tests.grpc_api.gallery import KINDS, N_FEATURES, Gallery, open_gallery
from tests.grpc_api.rest_client import RestClient
from tests.grpc_api.shop import DAY_US, NOON_US, PLAN, Shop, certify, publish

Input = pb.ModelInferRequest.InferInputTensor
Output = pb.ModelInferRequest.InferRequestedOutputTensor
Contents = pb.InferTensorContents

FEATURES = PLAN.service("buyers").feature_names
BINARY = "inference-header-content-length"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A scorer with a model of each task."""
    with open_gallery(tmp_path_factory.mktemp("models")) as opened:
        yield opened


def some_vectors(n_rows: int, seed: int = 1) -> np.ndarray:
    """Vectors with every bit in use, and a null here and there."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(scale=10.0, size=(n_rows, N_FEATURES))
    vectors[generator.random(vectors.shape) < 0.1] = np.nan
    return vectors


def typed(vectors: np.ndarray) -> Input:
    contents = Contents(fp64_contents=vectors.ravel())
    return Input(name="features", datatype="FP64", shape=vectors.shape, contents=contents)


def texts(name: str, *values: bytes) -> Input:
    return Input(name=name, datatype="BYTES", shape=[len(values)], contents=Contents(bytes_contents=values))


def doubles(name: str, *values: float) -> Input:
    return Input(name=name, datatype="FP64", shape=[len(values)], contents=Contents(fp64_contents=values))


def typed_outputs(response: pb.ModelInferResponse) -> dict[str, list[Any]]:
    assert not response.raw_output_contents
    return {
        output.name: list(output.contents.fp64_contents) or list(output.contents.bytes_contents)
        for output in response.outputs
    }


def raw_doubles(response: pb.ModelInferResponse) -> dict[str, list[float]]:
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    return {one.name: np.frombuffer(raw).tolist() for one, raw in pairs if one.datatype == "FP64"}


def expected_of(gallery: Gallery, model: str, vectors: np.ndarray) -> dict[str, list[float]]:
    """The doubles that each output should hold."""
    answers = gallery.score_vectors(model, vectors)
    expected = {"score": [one.score for one in answers], "raw_score": [one.raw_score for one in answers]}
    for at, name in enumerate(KINDS if model == "kinds" else ()):
        expected[f"score.{name}"] = [one.classes[at].score for one in answers]
        expected[f"raw_score.{name}"] = [one.classes[at].raw_score for one in answers]
    return expected


@pytest.mark.parametrize("model", ["buys", "kinds", "price", "odd"])
def test_every_form_gives_the_bits_of_a_batch(gallery: Gallery, model: str) -> None:
    """Typed and raw over gRPC, JSON and binary over REST, whatever the task."""
    vectors = some_vectors(120)
    expected = expected_of(gallery, model, vectors)

    over_grpc = gallery.infer(typed(vectors), model=model)
    assert {name: typed_outputs(over_grpc)[name] for name in expected} == expected

    bare = Input(name="features", datatype="FP64", shape=vectors.shape)
    assert raw_doubles(gallery.infer(bare, model=model, raw_input_contents=[vectors.tobytes()])) == expected

    data = [None if np.isnan(value) else value for value in vectors.ravel().tolist()]
    tensor = {"name": "features", "datatype": "FP64", "shape": vectors.shape}
    told = gallery.rest.post(f"/v2/models/{model}/infer", {"inputs": [tensor | {"data": data}]}).json
    assert {one["name"]: one["data"] for one in told["outputs"] if one["datatype"] == "FP64"} == expected

    head = json.dumps(
        {
            "inputs": [tensor | {"parameters": {"binary_data_size": vectors.nbytes}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    reply = gallery.rest.send("POST", f"/v2/models/{model}/infer", head + vectors.tobytes(), {BINARY: str(len(head))})
    assert binary_doubles(reply.body, int(reply.headers[BINARY])) == expected


def binary_doubles(body: bytes, json_bytes: int) -> dict[str, list[float]]:
    """The doubles of a response whose outputs are all binary."""
    at, found = json_bytes, {}
    for output in json.loads(body[:json_bytes])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        if output["datatype"] == "FP64":
            found[output["name"]] = np.frombuffer(body[at : at + size]).tolist()
        at += size
    assert at == len(body)
    return found


def test_decisions_are_those_of_the_task(gallery: Gallery) -> None:
    """A band, the likeliest class, or nothing."""
    vectors = some_vectors(30, seed=2)
    for model in ("buys", "kinds", "price", "odd"):
        outputs = typed_outputs(gallery.infer(typed(vectors), model=model))
        assert outputs["decision"] == [one.decision.encode() for one in gallery.score_vectors(model, vectors)]


def test_single_features_may_be_some(gallery: Gallery) -> None:
    """What is not sent is missing, and noted as such."""
    inputs = [doubles(FEATURES[1], 8.0, 16.0), doubles(FEATURES[0], 1.0, 2.0)]
    outputs = typed_outputs(gallery.infer(*inputs))
    assert outputs["raw_score"] == [1.0 + 0.25 * 8.0, 2.0 + 0.25 * 16.0]
    notes = json.loads(outputs["notes"][0])
    assert {note["feature"] for note in notes} == set(FEATURES[2:])
    assert {note["reason"] for note in notes} == {"not_supplied"}


def test_an_entity_is_asked_as_score_asks_it(gallery: Gallery) -> None:
    """With fields of the request and an instant of its own for each row; NaN is a field that is not supplied."""
    at = [NOON_US, NOON_US + 2 * DAY_US]
    as_of = Input(name="as_of", datatype="INT64", shape=[2], contents=Contents(int64_contents=at))
    response = gallery.infer(texts("entity.buyer", b"ann", b"ann"), doubles("request.basket", 30.0, np.nan), as_of)
    outputs = typed_outputs(response)
    assert outputs["raw_score"] == [9.5, 0.0]
    assert [note["reason"] for note in json.loads(outputs["notes"][1])] == ["not_supplied"]
    assert outputs["score"][0] == gallery.client.score({"buyer": "ann"}, model="buys", request={"basket": 30.0}).score


def test_records_tell_supplied_vectors_and_rows(gallery: Gallery) -> None:
    """A row is called as its request, and behind it its number; the vector is marked as the caller's."""
    records = gallery.shop.records.records
    before = len(records)
    gallery.infer(typed(some_vectors(2)), id="mine")
    gallery.infer(texts("entity.buyer", b"ann"), id="other")
    assert [(one.request_id, one.source) for one in records[before:]] == [
        ("mine-0", "supplied"),
        ("mine-1", "supplied"),
        ("other", "fetched"),
    ]


def test_answers_say_who_answered(gallery: Gallery) -> None:
    """Id, model, version and arm; only the outputs that were asked for."""
    response = gallery.infer(typed(some_vectors(1)), id="mine", outputs=[Output(name="decision")], model_version="1")
    assert (response.id, response.model_name, response.model_version) == ("mine", "buys", "1")
    assert response.parameters["arm"].string_param == "champion"
    assert [output.name for output in response.outputs] == ["decision"]


def test_metadata_tells_the_tensors_of_a_model(gallery: Gallery) -> None:
    """Of a model of several classes, those of each class; the same over REST."""
    told = gallery.inference.ModelMetadata(pb.ModelMetadataRequest(name="kinds"))
    outputs = [one.name for one in told.outputs]
    assert outputs[:3] == ["score", "raw_score", "decision"]
    assert {f"score.{kind}" for kind in KINDS} | {f"raw_score.{kind}" for kind in KINDS} < set(outputs)
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs] == [
        ("features", "FP64", [-1, N_FEATURES]),
        ("entity.buyer", "BYTES", [-1]),
        ("request.basket", "FP64", [-1]),
        ("as_of", "INT64", [-1]),
    ]
    over_rest = gallery.rest.get("/v2/models/kinds/versions/2").json
    assert (over_rest["name"], over_rest["versions"], over_rest["platform"]) == ("kinds", ["2"], "onnx_onnxv1")
    assert [one["name"] for one in over_rest["outputs"]] == outputs


def test_no_rows_are_answered_with_none(gallery: Gallery) -> None:
    """A shape of zero rows is a shape."""
    response = gallery.infer(Input(name="features", datatype="FP64", shape=[0, N_FEATURES]))
    assert [list(output.shape) for output in response.outputs] == [[0]] * 4


VECTOR = typed(np.ones((1, N_FEATURES)))
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("inputs", "more", "code", "problem"),
    [
        ([], {}, INVALID, "inputs: are missing"),
        ([VECTOR], {"model": "sells"}, NOT_FOUND, "'sells' is not served"),
        ([VECTOR], {"model": ""}, NOT_FOUND, "several models are served"),
        ([VECTOR], {"model_version": "9"}, NOT_FOUND, "'9' of buys does not serve; name 1"),
        ([typed(np.ones((1, 4)))], {}, INVALID, r"has shape \[1, 4\]; the model takes \[n, 5\]"),
        ([VECTOR, texts("entity.buyer", b"a", b"b")], {}, INVALID, "have different numbers of rows"),
        ([VECTOR, doubles(FEATURES[0], 1.0)], {}, INVALID, "stands beside single features"),
        ([VECTOR, doubles("request.basket", 1.0)], {}, INVALID, "row 0: request: comes beside a vector"),
        ([texts("entity.seller", b"a")], {}, INVALID, "is not an input of buys; it takes features, entity.buyer"),
        ([texts("buyer", b"a")], {}, INVALID, "is not an input of buys"),
        ([doubles("entity.buyer", 1.0)], {}, INVALID, "is FP64; send texts, as BYTES"),
        ([texts("entity.buyer", b"\xff")], {}, INVALID, "not UTF-8"),
        ([doubles("request.basket", 1.0)], {}, INVALID, "row 0: entity.buyer: is missing"),
        ([doubles(FEATURES[0], 1.0, np.inf)], {}, INVALID, "row 1: .* is infinite"),
        ([Input(name="features", datatype="FP64", contents=Contents(fp64_contents=[1.0]))], {}, INVALID, "dimension"),
        ([typed(np.ones((1_001, N_FEATURES)))], {}, INVALID, "are 1001 rows; send at most 1000 at a time"),
        ([VECTOR], {"outputs": [Output(name="odds")]}, INVALID, "it gives score, raw_score, decision, notes"),
    ],
)
def test_what_is_wrong_is_told(
    gallery: Gallery, inputs: list[Input], more: dict[str, Any], code: grpc.StatusCode, problem: str
) -> None:
    """What, where and what to do."""
    with pytest.raises(grpc.RpcError, match=problem) as caught:
        gallery.infer(*inputs, **more)
    assert caught.value.code() is code


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b"", {}, "is no inference request"),
        (b"{", {}, "is no inference request"),
        (b"[" * 5_000, {}, "is no inference request"),
        (b'{"inputs": 1}', {}, "inputs"),
        (b'{"inputs": [{"name": "features", "datatype": "FP64", "shape": [1, 5]}]}', {}, "data: is not a list"),
        (b'{"inputs": []}', {}, "inputs: are missing"),
        (b'{"inputs": []}x', {BINARY: "14"}, "has 1 bytes too many"),
        (b'{"inputs": []}', {BINARY: "15"}, "for a body of 14 bytes"),
        (b'{"inputs": []}', {BINARY: "-1"}, "give the number of bytes of JSON"),
    ],
)
def test_bodies_that_are_none_are_refused(gallery: Gallery, body: bytes, headers: dict[str, str], problem: str) -> None:
    """With 400, in the same form."""
    reply = gallery.rest.send("POST", "/v2/models/buys/infer", body, headers)
    assert reply.status == 400
    assert problem in reply.json["error"]


@pytest.mark.parametrize(
    ("size", "data", "problem"),
    [
        (39, None, "has 1 bytes too many"),
        (41, None, "40 bytes are left"),
        (-1, None, "are left"),
        ("40", None, "are left"),
        (True, None, "are left"),
        (40, [1.0], "has data and binary_data_size"),
    ],
)
def test_binary_data_of_another_size_is_refused(gallery: Gallery, size: Any, data: Any, problem: str) -> None:
    """Each tensor has the bytes that its parameter says and its shape needs."""
    tensor: dict[str, Any] = {"name": "features", "datatype": "FP64", "shape": [1, 5]}
    tensor["parameters"] = {"binary_data_size": size}
    head = json.dumps({"inputs": [tensor if data is None else tensor | {"data": data}]}).encode()
    reply = gallery.rest.send("POST", "/v2/models/buys/infer", head + bytes(40), {BINARY: str(len(head))})
    assert reply.status == 400
    assert problem in reply.json["error"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["features", "entity.buyer", "request.basket", "as_of", FEATURES[0]]) | st.text(),
        "datatype": st.sampled_from([*DATATYPES, "FP8"]),
        "shape": st.lists(st.integers(-1, 6) | st.integers(), max_size=4),
    },
    optional={
        "data": st.lists(st.floats() | st.integers() | st.text(max_size=4), max_size=8) | ANYTHING,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), st.integers(-1, 50) | ANYTHING),
    },
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inputs=st.lists(TENSORS, max_size=3), more=st.dictionaries(st.sampled_from(["id", "outputs"]), ANYTHING),
       tail=st.binary(max_size=50))  # fmt: skip
def test_no_tensors_make_the_server_fail(gallery: Gallery, inputs: Any, more: Any, tail: bytes) -> None:
    """Whatever they say of themselves, they are answered or refused."""
    head = json.dumps({"inputs": inputs, **more}).encode()
    reply = gallery.rest.send("POST", "/v2/models/buys/infer", head + tail, {BINARY: str(len(head))})
    assert reply.status in {200, 400}, (reply, head)


def test_the_registry_alone_says_what_serves(gallery: Gallery) -> None:
    """Models are listed, and can be neither loaded nor unloaded."""
    index = gallery.inference.RepositoryIndex(pb.RepositoryIndexRequest())
    assert [(one.name, one.version, one.state) for one in index.models] == [
        ("buys", "1", "READY"),
        ("kinds", "2", "READY"),
        ("odd", "4", "READY"),
        ("price", "3", "READY"),
    ]
    assert [one["name"] for one in gallery.rest.post("/v2/repository/index", {"ready": True}).json] == [
        "buys", "kinds", "odd", "price"
    ]  # fmt: skip
    for ask, question in (
        (gallery.inference.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name="buys")),
        (gallery.inference.RepositoryModelUnload, pb.RepositoryModelUnloadRequest(model_name="buys")),
    ):
        with pytest.raises(grpc.RpcError, match="the registry's aliases say what serves") as caught:
            ask(question)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert gallery.rest.post("/v2/repository/models/buys/unload", {}).status == 501


def test_calls_and_rows_are_counted(gallery: Gallery) -> None:
    """Those that were answered, and those that were not; a model that nobody asked has zeros."""

    def counted() -> pb.ModelStatistics:
        (one,) = gallery.inference.ModelStatistics(pb.ModelStatisticsRequest(name="odd", version="4")).model_stats
        return one

    before = counted()
    gallery.infer(typed(some_vectors(3)), model="odd")
    with pytest.raises(grpc.RpcError):
        gallery.infer(typed(np.ones((1, 1))), model="odd")
    after = counted()
    assert after.inference_count - before.inference_count == 3
    assert after.execution_count - before.execution_count == 1
    assert after.inference_stats.success.count - before.inference_stats.success.count == 1
    assert after.inference_stats.fail.count - before.inference_stats.fail.count == 1
    assert after.last_inference == gallery.shop.clock.at_us // 1_000
    parts = ("compute_input", "compute_infer", "compute_output")
    assert sum(getattr(after.inference_stats, part).ns for part in parts) == after.inference_stats.success.ns
    over_rest = gallery.rest.get("/v2/models/odd/stats").json["model_stats"]
    assert over_rest[0]["inference_count"] == after.inference_count
    assert gallery.rest.get("/v2/models/nothing/stats").status == 404


def test_readiness_is_told(gallery: Gallery) -> None:
    """Live, ready, and each model; an unknown one is not found."""
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/buys/ready", "/v2/models/buys/versions/1/ready"):
        assert gallery.rest.get(path).status == 200, path
    assert gallery.rest.get("/v2/models/sells/ready").status == 404
    assert gallery.rest.get("/v2/models/buys/versions/2/ready").status == 404
    assert gallery.inference.ServerLive(pb.ServerLiveRequest()).live


def test_a_server_that_cannot_answer_says_so(tmp_path: Path) -> None:
    """Alive, but neither it nor its model is ready while the views do not serve."""
    publish(tmp_path, "1")
    shop = Shop(tmp_path)

    async def certify_without_serving() -> None:
        await shop.store.connect()
        await certify(shop.store, serving=False)
        await shop.store.close()

    asyncio.run(certify_without_serving())
    shop.scorer.start()
    rest = RestClient(shop.rest_address)
    try:
        assert rest.get("/v2/health/live").status == 200
        assert rest.get("/v2/health/ready").status == 503
        assert (rest.get("/v2/models/buys/ready").status, rest.get("/v2/models/buys").status) == (503, 200)
        (index,) = rest.post("/v2/repository/index", {}).json
        assert (index["state"], index["reason"]) == ("UNAVAILABLE", "its feature views do not serve yet")
        assert rest.post("/v2/repository/index", {"ready": True}).json == []
        health = rest.get("/health")
        assert (health.status, health.json) == (
            503,
            {"status": "unhealthy", "model_loaded": True, "model_version": "1"},
        )
    finally:
        rest.close()
        shop.scorer.stop()
