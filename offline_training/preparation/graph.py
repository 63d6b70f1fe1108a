"""An ONNX graph while steps are drawn into it, one after another."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnx
from onnx import helper

from offline_training.conversion.constants import constant, whole_constant


class Graph:
    """Nodes and constants; each call gives the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Name of an operator's output."""
        return self.add(helper.make_node(operator, inputs, [""], **attributes))

    def add(self, node: onnx.NodeProto) -> str:
        """Name of a node's one output, which is named anew."""
        name = self._name()
        node.output[:] = [name]
        self.nodes.append(node)
        return name

    def doubles(self, values: npt.ArrayLike) -> str:
        """Constant doubles; one alone is a scalar."""
        name = self._name()
        self.constants.append(constant(name, values))
        return name

    def integers(self, values: npt.ArrayLike) -> str:
        """Constant whole numbers; one alone is a scalar."""
        name = self._name()
        self.constants.append(whole_constant(name, values))
        return name

    def columns(self, rows: str, numbers: npt.ArrayLike) -> str:
        """Some columns of rows ``[n, k]``."""
        return self.node("Gather", rows, self.integers(numbers), axis=1)

    def _name(self) -> str:
        return f"step_{len(self.nodes) + len(self.constants)}"
