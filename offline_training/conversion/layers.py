"""Linear models and networks as ONNX, behind their preparation: each row gives the same bits alone and in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import onnx
from onnx import helper

from features.bundle import MODEL_OUTPUT
from offline_training.conversion.constants import constant, whole_constant
from offline_training.conversion.model_bytes import model_bytes
from offline_training.conversion.preparation import PREPARED
from offline_training.conversion.stage import Drawn, Stage, rectified


class Prepares(Protocol):
    """What stands before the first layer."""

    @property
    def n_features(self) -> int:
        """Inputs of the model."""
        ...

    def nodes(self) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """From the model's input to `PREPARED`."""
        ...


class Layer(NamedTuple):
    """``outputs = inputs @ weights + biases``; ``weights`` is ``[inputs, outputs]``. Within, a rectifier follows."""

    weights: np.ndarray
    biases: np.ndarray

    def drawn(self, number: int, inputs: str) -> Drawn:
        """By matrix product."""
        constants = [constant(f"weights_{number}", self.weights), constant(f"biases_{number}", self.biases)]
        return rectified(number, inputs)._replace(constants=constants)

    def ways(self, beyond: np.ndarray) -> np.ndarray:
        """By one product more."""
        return np.asarray(np.abs(self.weights) @ beyond)


def ways_through(stages: Sequence[Stage], last: Layer) -> np.ndarray:
    """For each prepared input, the sum of the absolute weights over all ways to an output, as Garson has it."""
    ways = np.abs(last.weights)
    for stage in reversed(stages):
        ways = stage.ways(ways)
    return np.asarray(ways.sum(axis=1))


def layers_to_onnx(preparation: Prepares, stages: Sequence[Stage], last: Layer) -> bytes:
    """Serialised model: the stages one after another, each with a rectifier behind it, and the last layer.

    The last layer adds its terms in their order, one by one, which any machine does alike; those before it, wide as
    they are, by matrix product.
    """
    nodes, constants = preparation.nodes()
    inputs = PREPARED
    for number, stage in enumerate(stages):
        of_stage = stage.drawn(number, inputs)
        nodes += of_stage.nodes
        constants += of_stage.constants
        inputs = of_stage.outputs
    nodes += _sums(inputs)
    constants += [
        constant("weights", last.weights.T),
        constant("biases", last.biases),
        whole_constant("output_axis", [1]),
        whole_constant("term_axis", 2),
        whole_constant("last", -1),
    ]
    n_outputs = last.weights.shape[1]
    return model_bytes("layers", nodes, constants, n_features=preparation.n_features, n_outputs=n_outputs)


def _sums(inputs: str) -> list[onnx.NodeProto]:
    """The last layer."""
    return [
        helper.make_node("Unsqueeze", [inputs, "output_axis"], ["for_each_output"]),
        helper.make_node("Mul", ["for_each_output", "weights"], ["terms"]),
        helper.make_node("CumSum", ["terms", "term_axis"], ["sums"]),
        helper.make_node("Gather", ["sums", "last"], ["sum"], axis=2),
        helper.make_node("Add", ["sum", "biases"], [MODEL_OUTPUT]),
    ]
