"""Inputs as they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from offline_training.preparation.graph import Graph


class Kept(NamedTuple):
    """Those inputs that no other step takes the place of."""

    names: tuple[str, ...]
    columns: tuple[int, ...]

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """See `Step`."""
        return tuple((column,) for column in self.columns)

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """See `Step`: the learner's own probes are told of these."""
        return {}

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """See `Step`."""
        return np.asarray(rows[:, list(self.columns)])

    def draw(self, graph: Graph, rows: str) -> str:
        """See `Step`."""
        return graph.columns(rows, self.columns)
