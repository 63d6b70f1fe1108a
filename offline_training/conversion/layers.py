"""Linear models and networks as ONNX, behind their preparation: each row gives the same bits alone and in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper

from features.bundle import MODEL_OUTPUT
from offline_training.conversion.constants import constant, whole_constant
from offline_training.conversion.exported import Probes
from offline_training.conversion.model_bytes import model_bytes
from offline_training.conversion.preparation import PREPARED, Preparation


class Layer(NamedTuple):
    """``outputs = inputs @ weights + biases``; ``weights`` is ``[inputs, outputs]``."""

    weights: np.ndarray
    biases: np.ndarray


def layers_to_onnx(preparation: Preparation, layers: Sequence[Layer]) -> bytes:
    """Serialised model: the layers one after another, with a rectifier between two.

    The last layer adds its terms in their order, one by one, which any machine does alike; those before it, wide as
    they are, by matrix product.
    """
    nodes, constants = preparation.nodes()
    inputs = PREPARED
    for number, layer in enumerate(layers[:-1]):
        of_layer, inputs = _hidden(number, inputs)
        nodes += of_layer
        constants += [constant(f"weights_{number}", layer.weights), constant(f"biases_{number}", layer.biases)]
    nodes += _sums(inputs)
    constants += [
        constant("weights", layers[-1].weights.T),
        constant("biases", layers[-1].biases),
        whole_constant("output_axis", [1]),
        whole_constant("term_axis", 2),
        whole_constant("last", -1),
    ]
    n_outputs = layers[-1].weights.shape[1]
    return model_bytes("layers", nodes, constants, n_features=len(preparation.fills), n_outputs=n_outputs)


def _hidden(number: int, inputs: str) -> tuple[list[onnx.NodeProto], str]:
    """A layer with a rectifier behind it, and the name of what it gives."""
    product, moved, outputs = (f"{what}_{number}" for what in ("product", "moved", "outputs"))
    nodes = [
        helper.make_node("MatMul", [inputs, f"weights_{number}"], [product]),
        helper.make_node("Add", [product, f"biases_{number}"], [moved]),
        helper.make_node("Relu", [moved], [outputs]),
    ]
    return nodes, outputs


def _sums(inputs: str) -> list[onnx.NodeProto]:
    """The last layer."""
    return [
        helper.make_node("Unsqueeze", [inputs, "output_axis"], ["for_each_output"]),
        helper.make_node("Mul", ["for_each_output", "weights"], ["terms"]),
        helper.make_node("CumSum", ["terms", "term_axis"], ["sums"]),
        helper.make_node("Gather", ["sums", "last"], ["sum"], axis=2),
        helper.make_node("Add", ["sum", "biases"], [MODEL_OUTPUT]),
    ]


def range_probes(preparation: Preparation, rows: np.ndarray) -> Probes:
    """Rows with one feature absent, infinite, enormous, tiny, and at and next to each end of its range."""
    probes: list[np.ndarray] = []
    for feature, (low, high) in enumerate(zip(preparation.lows.tolist(), preparation.highs.tolist(), strict=True)):
        around = [np.nextafter(end, way) for end in (low, high) for way in (-np.inf, np.inf)]
        for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e308, -1e308, low, high, *around):
            probe = rows[len(probes) % len(rows)].copy()
            probe[feature] = value
            probes.append(probe)
    throughout = [np.full(rows.shape[1], value) for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308)]
    return Probes(np.array([*throughout, *probes]), np.empty((0, rows.shape[1])))
