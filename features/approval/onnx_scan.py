"""What ``model.onnx`` may hold: arithmetic on its inputs, and nothing that reads, loops, draws or is not ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import onnx
from onnx import GraphProto, ModelProto, TensorProto, shape_inference

ML_DOMAIN: Final = "ai.onnx.ml"

_CORE: Final = """
    Abs Add And ArgMax BatchNormalization Cast Ceil Clip Concat Constant CumSum Div Equal Erf Exp Flatten Floor Gather
    Gemm Greater GreaterOrEqual Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mul
    Mod Neg Not Or Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round
    ScatterElements Shape Sigmoid Sign Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where
"""
_ML: Final = "ArrayFeatureExtractor Binarizer Imputer LabelEncoder Normalizer OneHotEncoder Scaler TreeEnsemble"

OPERATORS: Final = {"": frozenset(_CORE.split()), ML_DOMAIN: frozenset(_ML.split())}
"""By domain: each gives the same bits for the same rows. What they make of a row together is bounded besides."""

MOST_VALUES: Final = 2**20
"""How many values any step of a model may make of one row: a few that double what they are given fill any memory."""

NEWEST: Final = {"": 26, ML_DOMAIN: 5}
"""The newest operator set of each domain that was looked through for `OPERATORS`."""


def faults_of(path: Path) -> Iterator[str]:
    """Why a model may not be run; nothing where it may.

    Parameters
    ----------
    path
        The file. It is parsed, and nothing that it names is opened.

    Yields
    ------
    str
        One thing that it may not hold.

    """
    try:
        model = onnx.load_model(path, load_external_data=False)
    except Exception as error:
        yield f"cannot be parsed ({type(error).__name__})"
        return
    faults = list(_faults_of_model(model))
    yield from faults or _faults_of_sizes(model)


def _faults_of_model(model: ModelProto) -> Iterator[str]:
    for opset in model.opset_import:
        domain = _domain(opset.domain)
        if domain not in OPERATORS:
            yield f"imports operators of {opset.domain}"
        elif opset.version > NEWEST[domain]:
            yield f"imports version {opset.version} of {domain or 'ai.onnx'}, of which {NEWEST[domain]} is known"
    for part in ("functions", "training_info", "configuration"):
        if len(getattr(model, part)):
            yield f"has {part}"
    if not len(model.graph.node):
        yield "computes nothing"
    for node in model.graph.node:
        if node.op_type not in OPERATORS.get(_domain(node.domain), ()):
            yield f"uses {':'.join(filter(None, (node.domain, node.op_type)))}"
    for message in _messages(model):
        if isinstance(message, TensorProto) and (message.data_location or len(message.external_data)):
            yield f"keeps {message.name or 'a tensor'} in another file"
        elif isinstance(message, GraphProto) and message is not model.graph:
            yield f"has an inner graph {message.name}"


def _faults_of_sizes(model: ModelProto) -> Iterator[str]:
    """Steps that make too much of a row, or of which the model alone does not say how much they make."""
    of_one_row = ModelProto()
    of_one_row.CopyFrom(model)
    for given in of_one_row.graph.input:
        for dimension in given.type.tensor_type.shape.dim:
            dimension.dim_value = dimension.dim_value or 1
    try:
        graph = shape_inference.infer_shapes(of_one_row, data_prop=True).graph
    except Exception as error:
        yield f"has sizes that do not fit ({type(error).__name__})"
        return
    made = {value.name: value.type.tensor_type for value in (*graph.value_info, *graph.output)}
    for name in (name for node in graph.node for name in node.output if name):
        found = made.get(name)
        if found is None or not found.HasField("shape") or not all(d.HasField("dim_value") for d in found.shape.dim):
            yield f"makes of a row what only its values say the size of ({name})"
            return  # nothing is known of what is made of it
        n_values = math.prod(dimension.dim_value for dimension in found.shape.dim)
        if n_values > MOST_VALUES:
            yield f"makes {n_values:,} values of a row ({name})"


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _messages(message: Any) -> Iterator[Any]:
    """A protobuf message and all messages in it, whatever fields they are in."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if field.is_repeated else (value,):
            yield from _messages(inner)
