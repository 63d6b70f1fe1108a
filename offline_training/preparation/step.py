"""What a fitted step is: columns out of a row's inputs."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from offline_training.preparation.graph import Graph


class Step(Protocol):
    """Columns that are computed row by row; numpy and ONNX Runtime give the same bits, whatever a row holds."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its columns."""
        ...

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the inputs that each column is computed from."""
        ...

    @property
    def telling(self) -> dict[int, np.ndarray]:
        """Values of inputs at which a wrong conversion would show."""
        ...

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Columns ``[n, p]`` of rows ``[n, k]``."""
        ...

    def draw(self, graph: Graph, rows: str) -> str:
        """The same as ONNX; the name of the columns."""
        ...
