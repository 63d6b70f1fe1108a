"""Good requests of the scorer's methods, which fuzzing makes worse."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from features.nouns import KeyValue
from grpc_api._generated.inference import open_inference_pb2 as inference
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

SCORING = "/millstream.scoring.v1.Scoring"
INFERENCE = "/inference.GRPCInferenceService"


def seeds_of(key: str, value: KeyValue, model: str) -> Mapping[str, Sequence[bytes]]:
    """Requests about one entity that the store knows, by path; all of them are answered."""
    entity = {key: pb.Value(integer=value) if isinstance(value, int) else pb.Value(text=value)}
    as_of = Timestamp(seconds=1_700_000_000)
    scores = [
        pb.ScoreRequest(entity=entity),
        pb.ScoreRequest(entity=entity, model=model, as_of=as_of, request_id="fuzz"),
    ]
    rows = [pb.BatchRow(entity=entity), pb.BatchRow(entity=entity, as_of=as_of, request_id="row")]
    messages: dict[str, Sequence[Message]] = {
        f"{SCORING}/Score": scores,
        f"{SCORING}/ScoreStream": scores,
        f"{SCORING}/Explain": [pb.ExplainRequest(question=one, top=3) for one in scores],
        f"{SCORING}/ListModels": [pb.ListModelsRequest(), pb.ListModelsRequest(model=model)],
        f"{SCORING}/ScoreBatch": [pb.ScoreBatchRequest(rows=rows * n, as_of=as_of, model=model) for n in (0, 1, 100)],
        f"{SCORING}/GetFeatures": [
            pb.GetFeaturesRequest(entity=entity, model=model),
            pb.GetFeaturesRequest(entity=entity, model=model, as_of=as_of),
        ],
        f"{INFERENCE}/ModelInfer": list(inferences(key, value, model)),
        f"{INFERENCE}/ModelMetadata": [inference.ModelMetadataRequest(name=model)],
        f"{INFERENCE}/ModelReady": [inference.ModelReadyRequest(name=model)],
        "/grpc.health.v1.Health/Check": [health_pb2.HealthCheckRequest(), health_pb2.HealthCheckRequest(service=model)],
        "/grpc.health.v1.Health/Watch": [health_pb2.HealthCheckRequest(service=model)],
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": [
            reflection_pb2.ServerReflectionRequest(list_services="")
        ],
    }
    return {path: [one.SerializeToString() for one in ones] for path, ones in messages.items()}


def inferences(key: str, value: KeyValue, model: str) -> Iterator[inference.ModelInferRequest]:
    """Two rows about the entity by the Open Inference Protocol, typed and raw."""
    as_of_us = 1_700_000_000_000_000
    if isinstance(value, int):
        datatype, typed, raw = (
            "INT64",
            inference.InferTensorContents(int64_contents=[value] * 2),
            struct.pack("<q", value),
        )
    else:
        text = value.encode()
        datatype, typed = "BYTES", inference.InferTensorContents(bytes_contents=[text] * 2)
        raw = struct.pack("<I", len(text)) + text
    instants = inference.InferTensorContents(int64_contents=[as_of_us] * 2)
    yield inference.ModelInferRequest(
        model_name=model,
        id="fuzz",
        inputs=[_tensor(f"entity.{key}", datatype, typed), _tensor("as_of", "INT64", instants)],
        outputs=[inference.ModelInferRequest.InferRequestedOutputTensor(name="score")],
    )
    yield inference.ModelInferRequest(
        model_name=model,
        inputs=[_tensor(f"entity.{key}", datatype), _tensor("as_of", "INT64")],
        raw_input_contents=[raw * 2, struct.pack("<2q", as_of_us, as_of_us)],
    )


def _tensor(
    name: str, datatype: str, contents: inference.InferTensorContents | None = None
) -> inference.ModelInferRequest.InferInputTensor:
    return inference.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=[2], contents=contents)


def rest_seeds_of(key: str, value: KeyValue) -> Mapping[str, Sequence[bytes]]:
    """The same by REST, as JSON."""
    instance = {"entity": {key: value}}
    datatype = "INT64" if isinstance(value, int) else "BYTES"
    tensor = {"name": f"entity.{key}", "datatype": datatype, "shape": [2], "data": [value, value]}
    wanted = {"name": "score", "parameters": {"binary_data": False}}
    bodies: dict[str, Sequence[Any]] = {
        "/predict": [instance, {**instance, "as_of": "2023-11-14T22:13:20Z", "request_id": "fuzz"}],
        "/predict_batch": [{"instances": [instance] * n} for n in (0, 1, 100)],
        "/v2/models/{model_name}/infer": [
            {"inputs": [tensor]},
            {"id": "fuzz", "inputs": [tensor], "outputs": [wanted]},
        ],
        "/v2/repository/index": [{"ready": True}],
    }
    return {path: [json.dumps(one).encode() for one in ones] for path, ones in bodies.items()}
