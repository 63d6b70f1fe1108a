"""Fitted centres of clusters, with the preparation of the rows that are measured from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.head import Link
from offline_training.conversion.centres import centres_to_onnx
from offline_training.conversion.exported import Exported
from offline_training.conversion.preparation import Preparation
from offline_training.learners.learner import Params
from offline_training.learners.params import shares

_PORTION = 4_096
"""Rows whose distances are worked out at a time."""


@dataclass(frozen=True, kw_only=True)
class LearnedClusters:
    """``centres`` is ``[clusters, inputs]`` among prepared rows; ``shares`` is each cluster's part of the fitted rows.

    A raw score is the distance to a centre with a minus before it.
    """

    learner: str
    params: Params
    preparation: Preparation
    centres: np.ndarray
    shares: np.ndarray
    link: Link = "negated"

    @property
    def importance(self) -> np.ndarray:
        """Share of each feature in what lies between the centres: their variance, each as large as its cluster."""
        from_middle = self.centres - self.shares @ self.centres
        between = self.shares @ from_middle**2
        return shares(np.bincount(self.preparation.owners, between, minlength=len(self.preparation.fills)))

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores as numpy gives them, whose sums are one by one: to the bit those of ONNX Runtime."""
        inputs = self.preparation.apply(rows)
        parts = [self._raw(inputs[begin : begin + _PORTION]) for begin in range(0, len(inputs), _PORTION)]
        return np.concatenate(parts)

    def _raw(self, inputs: np.ndarray) -> np.ndarray:
        apart = inputs[:, np.newaxis, :] - self.centres
        return np.asarray(-np.sqrt(np.cumsum(apart * apart, axis=2)[:, :, -1]))

    def export(self) -> Exported:
        """Preparation and distances in double."""
        onnx = centres_to_onnx(self.preparation, self.centres)
        return Exported(onnx, None, self.preparation.probes, 0.0)
