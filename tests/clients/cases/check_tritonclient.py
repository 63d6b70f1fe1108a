"""NVIDIA's tritonclient: gRPC and HTTP, synchronous and asynchronous."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as over_grpc_aio
import tritonclient.http as over_http
import tritonclient.http.aio as over_http_aio
from expected import (
    ANN_RAW_SCORE,
    DECISIONS,
    FEATURES,
    MODEL,
    OUTPUTS,
    PATIENCE_S,
    RAW_SCORES,
    STUCK,
    VECTORS,
    VERSION,
    score_of,
)
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Client = Any
DEADLINE_S = 20


@pytest.fixture(params=["grpc", "http"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each test that takes it runs over both."""
    return str(request.param)


@pytest.fixture
def library(kind: str) -> Any:
    """The module with the client's classes."""
    return over_grpc if kind == "grpc" else over_http


@pytest.fixture
def client(kind: str, library: Any, grpc_address: str, rest_address: str) -> Iterator[Client]:
    """A client of the server."""
    with library.InferenceServerClient(grpc_address if kind == "grpc" else rest_address) as made:
        yield made


def tensor(library: Any, name: str, array: np.ndarray, datatype: str | None = None, **how: bool) -> Any:
    """An input, raw unless told otherwise."""
    given = library.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array, **how)
    return given


def texts(*values: str) -> np.ndarray:
    return np.array([value.encode() for value in values], dtype=np.object_)


def features(library: Any, dtype: type = np.float64, **how: bool) -> Any:
    return tensor(library, "features", np.array(VECTORS, dtype=dtype), **how)


def assert_scores(result: Any) -> None:
    """The scores of `VECTORS`; in JSON, texts come as such."""
    assert result.as_numpy("raw_score").tolist() == RAW_SCORES
    assert result.as_numpy("score").tolist() == pytest.approx([score_of(raw) for raw in RAW_SCORES], rel=1e-15)
    decisions = result.as_numpy("decision").tolist()
    assert [text.encode() if isinstance(text, str) else text for text in decisions] == DECISIONS


def test_the_server_is_live_and_ready(client: Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()


def test_the_model_is_ready(client: Client) -> None:
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, VERSION)


def test_an_unknown_model_is_not_ready(client: Client, kind: str) -> None:
    if kind == "http":
        assert not client.is_model_ready("sells")
    else:
        with pytest.raises(InferenceServerException, match="'sells' is not served"):
            client.is_model_ready("sells")


def test_the_server_tells_its_name_and_extensions(client: Client, kind: str) -> None:
    metadata = client.get_server_metadata(**({"as_json": True} if kind == "grpc" else {}))
    assert metadata["name"] == "millstream"
    assert {"binary_tensor_data", "model_repository", "statistics"} <= set(metadata["extensions"])


def test_the_model_tells_its_tensors(client: Client, kind: str) -> None:
    metadata = client.get_model_metadata(MODEL, **({"as_json": True} if kind == "grpc" else {}))
    inputs = {one["name"]: (one["datatype"], [int(size) for size in one["shape"]]) for one in metadata["inputs"]}
    assert metadata["versions"] == [VERSION]
    assert inputs["features"] == ("FP64", [-1, len(FEATURES)])
    assert inputs["entity.buyer"] == ("BYTES", [-1])
    assert inputs["request.basket"] == ("FP64", [-1])
    assert [one["name"] for one in metadata["outputs"]] == OUTPUTS


def test_metadata_of_an_unknown_model_is_refused(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="name one of"):
        client.get_model_metadata("sells")


def test_vectors_are_scored(client: Client, library: Any) -> None:
    result = client.infer(MODEL, [features(library)])
    assert_scores(result)


def test_the_id_comes_back(client: Client, library: Any, kind: str) -> None:
    response = client.infer(MODEL, [features(library)], request_id="mine").get_response()
    assert (response.id if kind == "grpc" else response["id"]) == "mine"


def test_the_version_that_serves_answers(client: Client, library: Any, kind: str) -> None:
    response = client.infer(MODEL, [features(library)], model_version=VERSION).get_response()
    assert (response.model_version if kind == "grpc" else response["model_version"]) == VERSION


def test_another_version_is_refused(client: Client, library: Any) -> None:
    with pytest.raises(InferenceServerException, match="'99' of buys does not serve"):
        client.infer(MODEL, [features(library)], model_version="99")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.int32, np.int64, np.uint16, np.uint64])
def test_vectors_of_any_number_are_scored(client: Client, library: Any, dtype: type) -> None:
    assert_scores(client.infer(MODEL, [features(library, dtype)]))


def test_features_may_come_one_by_one(client: Client, library: Any) -> None:
    columns = np.array(VECTORS).T
    inputs = [tensor(library, name, column) for name, column in zip(FEATURES, columns, strict=True)]
    assert_scores(client.infer(MODEL, inputs))


def test_an_entity_is_scored(client: Client, library: Any) -> None:
    inputs = [
        tensor(library, "entity.buyer", texts("ann", "nobody")),
        tensor(library, "request.basket", np.array([30.0, 1.0])),
    ]
    result = client.infer(MODEL, inputs)
    assert result.as_numpy("raw_score").tolist() == [ANN_RAW_SCORE, 0.0]
    known, unknown = result.as_numpy("notes").tolist()
    assert known == b"[]"
    assert b'"reason":"unknown_entity"' in unknown


def test_a_column_is_a_row_of_single_elements(client: Client, library: Any) -> None:
    result = client.infer(MODEL, [tensor(library, "entity.buyer", texts("ann").reshape(1, 1))])
    assert result.as_numpy("raw_score").tolist() == [ANN_RAW_SCORE]


def test_a_model_with_an_integer_key_is_asked(client: Client, library: Any) -> None:
    inputs = [
        tensor(library, "entity.buyer", texts("ann")),
        tensor(library, "entity.shop", np.array([7], dtype=np.int32)),
    ]
    assert client.infer("pairs", inputs).as_numpy("raw_score").tolist() == [2 + 0.25 * 30.0]


def test_only_the_outputs_that_are_asked_for_come(client: Client, library: Any) -> None:
    outputs = [library.InferRequestedOutput("decision")]
    result = client.infer(MODEL, [features(library)], outputs=outputs)
    assert result.as_numpy("decision").tolist() == DECISIONS
    assert result.as_numpy("score") is None


def test_an_unknown_output_is_refused(client: Client, library: Any) -> None:
    with pytest.raises(InferenceServerException, match="it gives score, raw_score"):
        client.infer(MODEL, [features(library)], outputs=[library.InferRequestedOutput("odds")])


def test_a_classification_is_refused(client: Client, library: Any) -> None:
    with pytest.raises(InferenceServerException, match="ask for decision"):
        client.infer(MODEL, [features(library)], outputs=[library.InferRequestedOutput("score", class_count=2)])


@pytest.mark.parametrize("shape", [(1, 4), (5,), (1, 5, 1)])
def test_another_shape_is_refused(client: Client, library: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(InferenceServerException, match="the model takes"):
        client.infer(MODEL, [tensor(library, "features", np.zeros(shape))])


def test_an_unknown_input_is_refused(client: Client, library: Any) -> None:
    with pytest.raises(InferenceServerException, match=r"it takes features, entity\.buyer"):
        client.infer(MODEL, [tensor(library, "colour", np.zeros(1))])


def test_an_unknown_model_is_refused(client: Client, library: Any) -> None:
    with pytest.raises(InferenceServerException, match="'sells' is not served; name one of"):
        client.infer("sells", [features(library)])


def test_a_text_where_numbers_belong_is_refused(client: Client, library: Any) -> None:
    with pytest.raises(InferenceServerException, match="send numbers"):
        client.infer(MODEL, [tensor(library, "features", texts(*"abcde").reshape(1, 5))])


def test_a_row_that_cannot_be_scored_is_named(client: Client, library: Any) -> None:
    vectors = np.array(VECTORS)
    vectors[1, 2] = np.inf
    with pytest.raises(InferenceServerException, match=r"row 1: .*infinite"):
        client.infer(MODEL, [tensor(library, "features", vectors)])


def test_the_repository_is_told_and_left_alone(client: Client, kind: str) -> None:
    index = client.get_model_repository_index(**({"as_json": True} if kind == "grpc" else {}))
    models = index["models"] if kind == "grpc" else index
    assert {"name": MODEL, "version": VERSION, "state": "READY"}.items() <= models[0].items()
    for verb in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="the registry's aliases say what serves"):
            verb(MODEL)


def test_calls_are_counted(client: Client, library: Any, kind: str) -> None:
    def counted() -> dict[str, Any]:
        statistics = client.get_inference_statistics(MODEL, **({"as_json": True} if kind == "grpc" else {}))
        return dict(statistics["model_stats"][0])

    client.infer(MODEL, [features(library)])
    before = counted()
    client.infer(MODEL, [features(library)])
    after = counted()
    assert int(after["inference_count"]) >= int(before["inference_count"]) + len(VECTORS)
    assert int(after["execution_count"]) >= int(before["execution_count"]) + 1
    assert int(after["inference_stats"]["success"]["ns"]) > int(before["inference_stats"]["success"]["ns"])


def test_what_is_not_offered_is_said(client: Client, kind: str) -> None:
    with pytest.raises(InferenceServerException):
        client.get_model_config(MODEL)


def test_a_large_batch_is_scored(client: Client, library: Any) -> None:
    vectors = np.random.default_rng(1).integers(0, 100, (900, 5)).astype(np.float64)
    result = client.infer(MODEL, [tensor(library, "features", vectors)])
    assert result.as_numpy("raw_score").tolist() == (vectors[:, 0] + 0.25 * vectors[:, 1]).tolist()


# HTTP alone: elements in JSON


def test_tensors_in_json_are_scored(rest_address: str) -> None:
    with over_http.InferenceServerClient(rest_address) as client:
        names = ("score", "raw_score", "decision")
        outputs = [over_http.InferRequestedOutput(name, binary_data=False) for name in names]
        assert_scores(client.infer(MODEL, [features(over_http, binary_data=False)], outputs=outputs))


def test_one_output_may_be_binary_and_another_json(rest_address: str) -> None:
    with over_http.InferenceServerClient(rest_address) as client:
        outputs = [over_http.InferRequestedOutput(name, binary_data=name == "score") for name in OUTPUTS]
        inputs = [
            tensor(over_http, "entity.buyer", texts("ann", "bob"), binary_data=False),
            tensor(over_http, "request.basket", np.array([30.0, 1.0])),
        ]
        result = client.infer(MODEL, inputs, outputs=outputs)
        assert result.as_numpy("score").tolist() == pytest.approx([score_of(9.5), 0.5], rel=1e-15)
        assert result.as_numpy("decision").tolist() == ["buys", "leaves"]


def test_calls_may_be_under_way_beside_each_other(rest_address: str) -> None:
    with over_http.InferenceServerClient(rest_address, concurrency=8) as client:
        calls = [client.async_infer(MODEL, [features(over_http)]) for _ in range(40)]
        for call in calls:
            assert_scores(call.get_result())


# gRPC alone: deadlines and cancellation


def test_a_deadline_ends_the_call(grpc_address: str) -> None:
    with over_grpc.InferenceServerClient(grpc_address) as client:
        with pytest.raises(InferenceServerException, match=r"DEADLINE_EXCEEDED|its share of the call"):
            client.infer(MODEL, [tensor(over_grpc, "entity.buyer", texts(STUCK))], client_timeout=PATIENCE_S)
        assert_scores(client.infer(MODEL, [features(over_grpc)], client_timeout=DEADLINE_S))


def test_calls_that_wait_and_are_cancelled_hold_nobody_up(grpc_address: str) -> None:
    with over_grpc.InferenceServerClient(grpc_address) as client:
        ended: Queue[Any] = Queue()
        waiting = [
            client.async_infer(
                MODEL,
                [tensor(over_grpc, "entity.buyer", texts(STUCK))],
                callback=lambda result, error: ended.put(error),
            )
            for _ in range(10)
        ]
        assert_scores(client.infer(MODEL, [features(over_grpc)], client_timeout=DEADLINE_S))
        for call in waiting:
            call.cancel()
        for _ in waiting:
            assert "CANCELLED" in str(ended.get(timeout=DEADLINE_S))
        assert_scores(client.infer(MODEL, [features(over_grpc)], client_timeout=DEADLINE_S))


async def test_the_asynchronous_client_of_grpc(grpc_address: str) -> None:
    async with over_grpc_aio.InferenceServerClient(grpc_address) as client:
        assert await client.is_server_ready()
        assert_scores(await client.infer(MODEL, [features(over_grpc)]))
        with pytest.raises(InferenceServerException, match="is not served"):
            await client.infer("sells", [features(over_grpc)])


async def test_the_asynchronous_client_of_http(rest_address: str) -> None:
    async with over_http_aio.InferenceServerClient(rest_address) as client:
        assert await client.is_server_ready()
        assert_scores(await client.infer(MODEL, [features(over_http)]))
        with pytest.raises(InferenceServerException, match="is not served"):
            await client.infer("sells", [features(over_http)])
