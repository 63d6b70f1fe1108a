"""A fitted model with a calibration map behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.head import Link
from offline_training.calibration.calibrator import Calibrator
from offline_training.calibration.composition import chain
from offline_training.conversion.exported import Exported
from offline_training.learners import Wrapped


@dataclass(frozen=True)
class Calibrated(Wrapped):
    """A `Learned` whose raw score is the calibrator's; it ranks as its model does, for the map rises."""

    calibrator: Calibrator

    @property
    def link(self) -> Link:
        """Of the calibrator."""
        return self.calibrator.link

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
