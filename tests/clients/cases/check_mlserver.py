"""MLServer's own types, codecs and stubs over REST and gRPC, and its client for files of requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
import requests
from expected import (
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
from mlserver.batch_processing import process_batch
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.grpc.converters import (
    ModelInferRequestConverter,
    ModelInferResponseConverter,
    ModelMetadataResponseConverter,
    ServerMetadataResponseConverter,
)
from mlserver.grpc.dataplane_pb2 import (
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerMetadataRequest,
    ServerReadyRequest,
)
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.types import (
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
    RequestOutput,
)

DEADLINE_S = 20.0


@pytest.fixture
def stub(grpc_address: str) -> Any:
    """MLServer's stub of the service."""
    with grpc.insecure_channel(grpc_address) as channel:
        yield GRPCInferenceServiceStub(channel)


@pytest.fixture
def v2(rest_address: str) -> str:
    """Where the routes of the protocol begin."""
    return f"http://{rest_address}/v2"


@pytest.fixture(params=["rest", "grpc", "grpc, raw"])
def infer(request: pytest.FixtureRequest, stub: Any, v2: str) -> Any:
    """Asks a model in each of the ways that MLServer knows."""

    def ask(question: InferenceRequest, model: str = MODEL) -> InferenceResponse:
        if request.param == "rest":
            answer = requests.post(
                f"{v2}/models/{model}/infer", json=question.model_dump(exclude_none=True), timeout=DEADLINE_S
            )
            answer.raise_for_status()
            return InferenceResponse.model_validate(answer.json())
        message = ModelInferRequestConverter.from_types(question, model, use_raw=request.param == "grpc, raw")
        return ModelInferResponseConverter.to_types(stub.ModelInfer(message, timeout=DEADLINE_S))

    return ask


def output(response: InferenceResponse, name: str) -> Any:
    return next(one for one in response.outputs if one.name == name)


def assert_scores(response: InferenceResponse) -> None:
    assert [one.name for one in response.outputs] == OUTPUTS
    assert NumpyCodec.decode_output(output(response, "raw_score")).tolist() == RAW_SCORES
    scores = NumpyCodec.decode_output(output(response, "score")).tolist()
    assert scores == pytest.approx([score_of(raw) for raw in RAW_SCORES], rel=1e-15)
    assert [text.encode() for text in StringCodec.decode_output(output(response, "decision"))] == DECISIONS


def question_of(vectors: Any, **more: Any) -> InferenceRequest:
    return InferenceRequest(inputs=[NumpyCodec.encode_input("features", np.array(vectors))], **more)


def test_health_over_grpc(stub: Any) -> None:
    assert stub.ServerLive(ServerLiveRequest(), timeout=DEADLINE_S).live
    assert stub.ServerReady(ServerReadyRequest(), timeout=DEADLINE_S).ready
    assert stub.ModelReady(ModelReadyRequest(name=MODEL, version=VERSION), timeout=DEADLINE_S).ready


@pytest.mark.parametrize("path", ["health/live", "health/ready", f"models/{MODEL}/ready"])
def test_health_over_rest(v2: str, path: str) -> None:
    assert requests.get(f"{v2}/{path}", timeout=DEADLINE_S).status_code == 200


def test_metadata_over_grpc(stub: Any) -> None:
    server = ServerMetadataResponseConverter.to_types(stub.ServerMetadata(ServerMetadataRequest(), timeout=DEADLINE_S))
    assert server.name == "millstream"
    answer = stub.ModelMetadata(ModelMetadataRequest(name=MODEL), timeout=DEADLINE_S)
    model = ModelMetadataResponseConverter.to_types(answer)
    assert [one.name for one in model.outputs] == OUTPUTS
    assert model.inputs[0].shape == [-1, len(FEATURES)]


def test_metadata_over_rest(v2: str) -> None:
    server = MetadataServerResponse.model_validate(requests.get(v2, timeout=DEADLINE_S).json())
    assert server.name == "millstream"
    answer = requests.get(f"{v2}/models/{MODEL}/versions/{VERSION}", timeout=DEADLINE_S)
    model = MetadataModelResponse.model_validate(answer.json())
    assert [one.name for one in model.outputs] == OUTPUTS


def test_vectors_are_scored(infer: Any) -> None:
    assert_scores(infer(question_of(VECTORS)))


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_vectors_of_other_numbers_are_scored(infer: Any, dtype: str) -> None:
    assert_scores(infer(question_of(np.array(VECTORS, dtype))))


def test_a_request_is_encoded_by_its_codec(infer: Any) -> None:
    question = NumpyRequestCodec.encode_request(np.array(VECTORS))
    question.inputs[0].name = "features"
    assert_scores(infer(question))


def test_a_frame_is_a_tensor_for_each_feature(infer: Any) -> None:
    frame = pd.DataFrame(np.array(VECTORS), columns=FEATURES)
    assert_scores(infer(PandasCodec.encode_request(frame)))


def test_an_entity_is_scored(infer: Any, request: pytest.FixtureRequest) -> None:
    over_grpc = "grpc" in request.node.callspec.params["infer"]
    inputs = [
        StringCodec.encode_input("entity.buyer", ["ann", "bob"], use_bytes=over_grpc),
        NumpyCodec.encode_input("request.basket", np.array([30.0, 1.0])),
    ]
    response = infer(InferenceRequest(inputs=inputs))
    assert NumpyCodec.decode_output(output(response, "raw_score")).tolist() == [9.5, 0.0]


def test_the_answer_names_request_and_model(infer: Any) -> None:
    response = infer(question_of(VECTORS, id="mine", outputs=[RequestOutput(name="decision")]))
    assert (response.id, response.model_name, response.model_version) == ("mine", MODEL, VERSION)
    assert [one.name for one in response.outputs] == ["decision"]
    assert response.parameters.arm == "champion"


def test_what_is_wrong_is_told(stub: Any, v2: str) -> None:
    wrong = question_of([[1.0, 2.0]])
    answer = requests.post(f"{v2}/models/{MODEL}/infer", json=wrong.model_dump(exclude_none=True), timeout=DEADLINE_S)
    assert answer.status_code == 400
    assert "the model takes [n, 5]" in answer.json()["error"]
    with pytest.raises(grpc.RpcError, match="the model takes") as caught:
        stub.ModelInfer(ModelInferRequestConverter.from_types(wrong, MODEL), timeout=DEADLINE_S)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_deadline_ends_the_call(stub: Any, infer: Any) -> None:
    stuck = InferenceRequest(inputs=[StringCodec.encode_input("entity.buyer", [STUCK])])
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(ModelInferRequestConverter.from_types(stuck, MODEL), timeout=PATIENCE_S)
    assert caught.value.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
    assert_scores(infer(question_of(VECTORS)))


@pytest.mark.parametrize("binary", [True, False])
async def test_a_file_of_requests_is_answered_line_by_line(rest_address: str, tmp_path: Path, binary: bool) -> None:
    given, got = tmp_path / "given", tmp_path / "got"
    given.write_text("".join(f"{question_of([vector]).model_dump_json()}\n" for vector in VECTORS * 3))
    await process_batch(
        model_name=MODEL,
        url=rest_address,
        workers=2,
        retries=1,
        batch_size=2,
        input_data_path=str(given),
        output_data_path=str(got),
        binary_data=binary,
        transport="rest",
        request_headers=[],
        timeout=int(DEADLINE_S),
        batch_interval=0.0,
        batch_jitter=0.0,
        use_ssl=False,
        insecure=False,
        verbose=False,
        extra_verbose=False,
    )
    answers = sorted(map(json.loads, got.read_text().splitlines()), key=lambda one: one["parameters"]["batch_index"])
    raw_scores = [one["data"] for answer in answers for one in answer["outputs"] if one["name"] == "raw_score"]
    assert raw_scores == [[raw] for raw in RAW_SCORES] * 3
