"""Two ONNX models in a row as one."""

from __future__ import annotations

import onnx

from features.bundle import MODEL_INPUT, MODEL_OUTPUT
from offline_training.conversion.columns import n_columns_of, width_of
from offline_training.conversion.model_bytes import model_bytes

_BETWEEN = "uncalibrated"
_PREFIX = "calibration_"


def chain(model: bytes, calibrator: bytes) -> bytes:
    """A model whose raw score is what the calibrator makes of the model's, both as `model_bytes` writes them."""
    first, second = (onnx.load_model_from_string(each).graph for each in (model, calibrator))
    _rename(first, {MODEL_OUTPUT: _BETWEEN})
    _rename(second, {MODEL_INPUT: _BETWEEN, MODEL_OUTPUT: MODEL_OUTPUT}, prefix=_PREFIX)
    return model_bytes(
        f"{first.name}_{second.name}",
        [*first.node, *second.node],
        [*first.initializer, *second.initializer],
        n_features=width_of(first.input[0]),
        n_outputs=1,
        n_columns=n_columns_of(first),
    )


def _rename(graph: onnx.GraphProto, names: dict[str, str], *, prefix: str = "") -> None:
    def renamed(name: str) -> str:
        return names.get(name, f"{prefix}{name}")

    for node in graph.node:
        for words in (node.input, node.output):
            words[:] = [renamed(name) for name in words]
    for constant in graph.initializer:
        constant.name = renamed(constant.name)
