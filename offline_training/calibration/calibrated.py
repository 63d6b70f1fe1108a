"""A fitted model with a calibration map behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.head import Link
from offline_training.calibration.calibrator import Calibrator
from offline_training.calibration.composition import chain
from offline_training.conversion.exported import Exported
from offline_training.learners import Learned, Params


@dataclass(frozen=True)
class Calibrated:
    """A `Learned` whose raw score is the calibrator's."""

    model: Learned
    calibrator: Calibrator

    @property
    def learner(self) -> str:
        """Of the model."""
        return self.model.learner

    @property
    def params(self) -> Params:
        """Of the model."""
        return self.model.params

    @property
    def link(self) -> Link:
        """Of the calibrator."""
        return self.calibrator.link

    @property
    def importance(self) -> np.ndarray:
        """Of the model: a rising map ranks as it does."""
        return self.model.importance

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """What the calibrator makes of the model's raw scores."""
        return self.calibrator.apply(self.model.raw(rows))

    def export(self) -> Exported:
        """One ONNX model of both."""
        exported = self.model.export()
        return exported._replace(
            onnx=chain(exported.onnx, self.calibrator.to_onnx()),
            explanation=self.calibrator.explained(exported.explanation),
            max_abs_diff=self.calibrator.allowed(exported.max_abs_diff),
        )
