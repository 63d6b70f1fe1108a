"""A column a category."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from offline_training.preparation.graph import Graph


class OneHot(NamedTuple):
    """1 in the column of the input's value, the first of which is null's; 0 elsewhere, and of an unseen value all 0."""

    name: str
    column: int
    values: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """See `Step`."""
        return (f"{self.name}=null", *(f"{self.name}={value:g}" for value in self.values))

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """See `Step`."""
        return ((self.column,),) * (1 + len(self.values))

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """See `Step`: each value and its neighbours."""
        values = np.array(self.values)
        return {self.column: np.concatenate([values, np.nextafter(values, -np.inf), np.nextafter(values, np.inf)])}

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """See `Step`."""
        found = rows[:, [self.column]]
        return np.concatenate([np.isnan(found), found == np.array(self.values)], axis=1).astype(np.float64)

    def draw(self, graph: Graph, rows: str) -> str:
        """See `Step`."""
        found = graph.columns(rows, [self.column])
        columns = [graph.node("IsNaN", found)]
        if self.values:
            columns.append(graph.node("Equal", found, graph.doubles(self.values)))
        numbers = [graph.node("Cast", each, to=TensorProto.DOUBLE) for each in columns]
        return graph.node("Concat", *numbers, axis=1)
