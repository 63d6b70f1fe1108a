"""What a calibration map is: one raw score in, one out."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from features.head import Link
from features.shapley import Explanation


class Calibrator(Protocol):
    """A fitted map of raw scores ``[n, 1]``."""

    @property
    def link(self) -> Link:
        """From what it gives to a probability."""
        ...

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Calibrated raw scores; what is not finite stays so, so that the scorer refuses it."""
        ...

    def to_onnx(self) -> bytes:
        """The same as a model of one input, bit for bit."""
        ...

    def explained(self, explanation: Explanation | None) -> Explanation | None:
        """What the calibrated raw score is explained by, given what the raw score is; None: nothing exact is known."""
        ...

    def allowed(self, max_abs_diff: float) -> float:
        """How far calibrated raw scores may be off, where the raw ones may be that far."""
        ...
