"""What a served model says of itself, as the protocol has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from features.head import Task
from features.vector import Remedy
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import from_us
from grpc_api.served_model import ServedModel

TASKS: Final[Mapping[Task, pb.Task]] = {
    "binary": pb.BINARY,
    "multiclass": pb.MULTICLASS,
    "regression": pb.REGRESSION,
    "clustering": pb.CLUSTERING,
    "anomaly": pb.ANOMALY,
}


def model_info(model: ServedModel, since_us: int) -> pb.ModelInfo:
    """All of it."""
    inputs, decision = model.inputs, model.head.decision
    missing = inputs.assembler.missing
    return pb.ModelInfo(
        model=model.name,
        version=model.version,
        arm=model.arm,
        digest=model.digest,
        task=TASKS[model.task],
        service=inputs.service.name,
        inputs=[_input(name, missing.of(name)) for name in model.features],
        join_keys=_types(inputs.keys.types),
        request_fields=_types(inputs.assembler.request_fields),
        classes=model.head.classes,
        thresholds=() if decision is None else decision.thresholds,
        decisions=() if decision is None else decision.names,
        view_hashes=model.view_hashes,
        serving_since=from_us(since_us),
        explainable=model.explainer.can_explain,
    )


def _input(name: str, remedy: Remedy) -> pb.ModelInput:
    if remedy == "nan":
        return pb.ModelInput(name=name, nan=True)
    if remedy == "fail":
        return pb.ModelInput(name=name, fail=True)
    return pb.ModelInput(name=name, default=remedy)


def _types(types: Mapping[str, str]) -> list[pb.NamedType]:
    return [pb.NamedType(name=name, type=kind) for name, kind in types.items()]
