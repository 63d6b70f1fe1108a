"""A fitted linear model or network, with its preparation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.head import Link
from offline_training.conversion.exported import Exported
from offline_training.conversion.layers import Layer, layers_to_onnx, range_probes
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
        """Share of each feature in the sum of the absolute weights over all ways to an output, as Garson has it."""
        ways = np.abs(self.layers[-1].weights).sum(axis=1)
        for layer in reversed(self.layers[:-1]):
            ways = np.abs(layer.weights) @ ways
        return shares(np.bincount(self.preparation.owners, ways, minlength=len(self.preparation.fills)))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores as numpy gives them, on one thread."""
        found = self.preparation.apply(rows)
        with threadpool_limits(limits=1):
            for layer in self.layers[:-1]:
                found = np.maximum(found @ layer.weights + layer.biases, 0.0)
            return np.asarray(found @ self.layers[-1].weights + self.layers[-1].biases)

    def export(self) -> Exported:
        """Preparation and layers in double."""
        onnx = layers_to_onnx(self.preparation, self.layers)
        return Exported(onnx, None, partial(range_probes, self.preparation), WITHIN)
