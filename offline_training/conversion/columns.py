"""A model that gives, beside its raw scores, the columns that it computes them from: those that explain it."""

from __future__ import annotations

import onnx

from features.bundle import MODEL_COLUMNS
from offline_training.conversion.model_bytes import model_bytes


def with_columns(model: bytes, name: str, n_columns: int) -> bytes:
    """The same model, of which a value of that name is given as the columns."""
    graph = onnx.load_model_from_string(model).graph
    for node in graph.node:
        for words in (node.input, node.output):
            words[:] = [MODEL_COLUMNS if word == name else word for word in words]
    return model_bytes(
        graph.name,
        list(graph.node),
        list(graph.initializer),
        n_features=width_of(graph.input[0]),
        n_outputs=width_of(graph.output[0]),
        n_columns=n_columns,
    )


def width_of(value: onnx.ValueInfoProto) -> int:
    """How many columns an input or an output has."""
    return int(value.type.tensor_type.shape.dim[1].dim_value)


def n_columns_of(graph: onnx.GraphProto) -> int:
    """How many columns a model gives beside its raw scores; 0 where it gives none."""
    return sum(width_of(output) for output in graph.output[1:])
