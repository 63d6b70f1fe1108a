"""Examples for the description of the routes, made of the models that serve: each can be sent as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

_OF_TYPE: Final[dict[str, Any]] = {
    "string": "a",
    "int32": 1,
    "int64": 1,
    "float32": 1.5,
    "float64": 1.5,
    "bool": True,
    "timestamp": 1_700_000_000_000_000,
}

Examples = dict[str, Any]


def with_examples(schema: dict[str, Any], models: Iterable[pb.ModelInfo]) -> dict[str, Any]:
    """An OpenAPI description with an example of each kind of question to each model."""
    makers: dict[str, Callable[[pb.ModelInfo], Examples]] = {
        "/predict": _to_predict,
        "/predict_batch": lambda model: {
            f"batch to {model.model}": {"model": model.model, "instances": [_by_entity(model), _by_features(model)]}
        },
        "/v2/models/{model_name}/infer": lambda model: {f"tensors to {model.model}": _tensors(model)},
    }
    served = {model.model: model for model in models}.values()
    for path, make in makers.items():
        examples: Examples = {}
        for model in served:
            examples |= {name: {"value": value} for name, value in make(model).items()}
        body = schema["paths"][path]["post"].setdefault("requestBody", {"content": {"application/json": {}}})
        body["content"]["application/json"]["examples"] = examples
    return schema


def _to_predict(model: pb.ModelInfo) -> Examples:
    return {
        f"{model.model} by entity": {"model": model.model, **_by_entity(model)},
        f"{model.model} by features": {"model": model.model, **_by_features(model)},
    }


def _by_entity(model: pb.ModelInfo) -> Examples:
    return {
        "entity": {key.name: _OF_TYPE[key.type] for key in model.join_keys},
        "request": {field.name: _OF_TYPE[field.type] for field in model.request_fields},
    }


def _by_features(model: pb.ModelInfo) -> Examples:
    return {"features": {feature.name: 1.5 for feature in model.inputs}}


def _tensors(model: pb.ModelInfo) -> Examples:
    width = len(model.inputs)
    tensor = {"name": "features", "datatype": "FP64", "shape": [1, width], "data": [1.5] * width}
    return {"id": "example", "inputs": [tensor]}
