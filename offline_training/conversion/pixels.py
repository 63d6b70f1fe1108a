"""What a network of images is given instead of the pixels: in range, around zero, all by the same numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper

from features.bundle import MODEL_INPUT
from offline_training.conversion.constants import constant
from offline_training.conversion.exported import Probes
from offline_training.conversion.preparation import PREPARED, probes_of_ranges

_PROBED = 64
"""Pixels that probes alter; each is treated as any other."""


class Pixels(NamedTuple):
    """A pixel beyond ``low`` and ``high`` reads as these, an absent one as ``mean``.

    They are the range in training, and half as much again on either side.
    """

    n_features: int
    low: float
    high: float
    mean: float
    scale: float

    @property
    def owners(self) -> np.ndarray:
        """The pixel that each input is of."""
        return np.arange(self.n_features)

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Inputs ``[n, k]`` of rows ``[n, k]``."""
        held = np.minimum(np.maximum(np.where(np.isnan(rows), self.mean, rows), self.low), self.high)
        return np.asarray((held - self.mean) / self.scale)

    def nodes(self) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """The same as ONNX, from the model's input to `PREPARED`."""
        node = helper.make_node
        nodes = [
            node("IsNaN", [MODEL_INPUT], ["absent"]),
            node("Where", ["absent", "mean", MODEL_INPUT], ["filled"]),
            node("Max", ["filled", "low"], ["not_below"]),
            node("Min", ["not_below", "high"], ["held"]),
            node("Sub", ["held", "mean"], ["centred"]),
            node("Div", ["centred", "scale"], [PREPARED]),
        ]
        numbers = {"low": self.low, "high": self.high, "mean": self.mean, "scale": self.scale}
        return nodes, [constant(name, [value]) for name, value in numbers.items()]

    def probes(self, rows: np.ndarray) -> Probes:
        """Rows with one pixel beyond, at and next to each end of the range, of as many as there are or `_PROBED`."""
        probed = np.unique(np.linspace(0, self.n_features - 1, _PROBED).astype(np.intp))
        return probes_of_ranges([(int(pixel), self.low, self.high) for pixel in probed], rows)


def prepare_pixels(rows: np.ndarray) -> Pixels:
    """The preparation that training rows ask for; of rows without a number, one that changes nothing."""
    known = rows[np.isfinite(rows)]
    if not len(known):
        return Pixels(rows.shape[1], -1.0, 1.0, 0.0, 1.0)
    least, most = float(known.min()), float(known.max())
    reach = most / 2 - least / 2
    return Pixels(rows.shape[1], least - reach, most + reach, float(known.mean()), float(known.std()) or 1.0)
