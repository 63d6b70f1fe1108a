"""A fitted linear model or network, with its preparation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.head import Link
from offline_training.conversion.exported import Exported
from offline_training.conversion.layers import Layer, layers_to_onnx, ways_through
from offline_training.conversion.preparation import Preparation
from offline_training.learners.learner import Params
from offline_training.learners.params import shares

WITHIN: Final = 1e-9
"""How far ONNX Runtime's raw scores may be off the library's, which adds in the order that suits the machine."""


@dataclass(frozen=True, kw_only=True)
class LearnedLayers:
    """``layers`` are applied to the prepared rows, with a rectifier between two."""

    learner: str
    params: Params
    link: Link
    preparation: Preparation
    layers: tuple[Layer, ...]

    @property
    def importance(self) -> np.ndarray:
        """Share of each feature in the weights on all ways to an output."""
        ways = ways_through(self.layers[:-1], self.layers[-1])
        return shares(np.bincount(self.preparation.owners, ways, minlength=self.preparation.n_features))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores as numpy gives them, on one thread."""
        found = self.preparation.apply(rows)
        with threadpool_limits(limits=1):
            for layer in self.layers[:-1]:
                found = np.maximum(found @ layer.weights + layer.biases, 0.0)
            return np.asarray(found @ self.layers[-1].weights + self.layers[-1].biases)

    def export(self) -> Exported:
        """Preparation and layers in double."""
        onnx = layers_to_onnx(self.preparation, self.layers[:-1], self.layers[-1])
        return Exported(onnx, None, self.preparation.probes, WITHIN)
