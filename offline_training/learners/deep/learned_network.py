"""A fitted network, with its preparation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.head import Link
from offline_training.conversion.exported import Exported
from offline_training.conversion.layers import Layer, layers_to_onnx, ways_through
from offline_training.conversion.pixels import Pixels
from offline_training.conversion.preparation import Preparation
from offline_training.conversion.stage import Stage
from offline_training.learners.deep.architecture import Architecture
from offline_training.learners.deep.folding import fold
from offline_training.learners.deep.network import Network, outputs_of
from offline_training.learners.deep.runtime import jax_in_double
from offline_training.learners.learned_layers import WITHIN
from offline_training.learners.learner import Params
from offline_training.learners.params import shares


@dataclass(frozen=True, kw_only=True)
class LearnedNetwork:
    """The network's outputs times ``scale`` plus ``centre``, of prepared rows, whose inputs vary by ``spreads``."""

    learner: str
    params: Params
    link: Link
    preparation: Preparation | Pixels
    architecture: Architecture
    network: Network
    spreads: np.ndarray
    centre: float = 0.0
    scale: float = 1.0

    @property
    def importance(self) -> np.ndarray:
        """Share of each feature in the weights on all ways to an output, times how much it varies."""
        ways = ways_through(*self._stages()) * self.spreads
        return shares(np.bincount(self.preparation.owners, ways, minlength=self.preparation.n_features))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores as JAX gives them, batch normalisation and all."""
        with jax_in_double():
            outputs = outputs_of(self.architecture, self.network, self.preparation.apply(rows))
        return np.asarray(outputs * self.scale + self.centre)

    def export(self) -> Exported:
        """Preparation, blocks and layers in double."""
        return Exported(layers_to_onnx(self.preparation, *self._stages()), None, self.preparation.probes, WITHIN)

    def _stages(self) -> tuple[tuple[Stage, ...], Layer]:
        stages, last = fold(self.architecture, self.network)
        return stages, Layer(last.weights * self.scale, last.biases * self.scale + self.centre)
