"""A fitted linear model, which is explained exactly: it is linear in what its preparation makes of the features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.shapley import LinearTables
from offline_training.conversion.columns import with_columns
from offline_training.conversion.exported import Exported
from offline_training.conversion.preparation import PREPARED
from offline_training.learners.learned_layers import LearnedLayers


@dataclass(frozen=True, kw_only=True)
class LearnedLinear(LearnedLayers):
    """One layer. Prepared inputs have the mean 0 over the training rows, so that its bias is its base."""

    def export(self) -> Exported:
        """With the prepared inputs beside the raw scores; each is one feature's, a feature may have two."""
        exported = super().export()
        (layer,) = self.layers
        owners, prepare = self.preparation.owners, self.preparation.apply
        nought = np.zeros(len(owners))
        return exported._replace(
            onnx=with_columns(exported.onnx, PREPARED, len(owners)),
            explanation=LinearTables(layer.weights.T.copy(), layer.biases.copy(), means=nought, fills=nought),
            shares=np.eye(len(self.preparation.fills))[owners],
            columns_of=lambda row: prepare(row[np.newaxis])[0],
        )
