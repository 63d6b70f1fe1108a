"""A graph as the bytes of a bundle's ``model.onnx``: one input, its outputs, always the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from features.bundle import MODEL_COLUMNS, MODEL_INPUT, MODEL_OUTPUT

_IR_VERSION = 10
_ML_OPSET = 5
_ONNX_OPSET = 21


def model_bytes(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    constants: Sequence[onnx.TensorProto],
    *,
    n_features: int,
    n_outputs: int,
    n_columns: int = 0,
) -> bytes:
    """Serialised model: double rows ``[n, k]`` to raw scores ``[n, outputs]``, and to prepared columns if any."""
    outputs = {MODEL_OUTPUT: n_outputs} | ({MODEL_COLUMNS: n_columns} if n_columns else {})
    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info(MODEL_INPUT, TensorProto.DOUBLE, ["n", n_features])],
        [helper.make_tensor_value_info(of, TensorProto.DOUBLE, ["n", width]) for of, width in outputs.items()],
        initializer=list(constants),
    )
    opsets = [helper.make_opsetid("ai.onnx.ml", _ML_OPSET), helper.make_opsetid("", _ONNX_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="millstream")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
