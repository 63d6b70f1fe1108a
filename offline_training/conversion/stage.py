"""One step of a network between its inputs and its last layer, as nodes of a graph."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import onnx
from onnx import helper


class Drawn(NamedTuple):
    """Nodes with their constants, and the name of what they give."""

    nodes: list[onnx.NodeProto]
    constants: list[onnx.TensorProto]
    outputs: str


class Stage(Protocol):
    """Takes rows ``[n, inputs]``, gives rows ``[n, outputs]``."""

    def drawn(self, number: int, inputs: str) -> Drawn:
        """The stage as ONNX; ``number`` tells its names from those of others."""
        ...

    def ways(self, beyond: np.ndarray) -> np.ndarray:
        """Sum of the absolute weights over all ways from each input to each end, of those from its outputs."""
        ...


def rectified(number: int, inputs: str) -> Drawn:
    """A product with the constant ``weights_<number>``, moved by ``biases_<number>``, with a rectifier behind it."""
    product, moved, outputs = (f"{what}_{number}" for what in ("product", "moved", "outputs"))
    nodes = [
        helper.make_node("MatMul", [inputs, f"weights_{number}"], [product]),
        helper.make_node("Add", [product, f"biases_{number}"], [moved]),
        helper.make_node("Relu", [moved], [outputs]),
    ]
    return Drawn(nodes, [], outputs)
