"""Platt scaling: a straight line through the log-odds.

References
----------
J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999. M. Kull et al., "Beta calibration", AISTATS 2017:
with log-odds for raw scores, the line is their family with a = b.

"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from onnx import helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.bundle import MODEL_INPUT, MODEL_OUTPUT
from features.head import Link
from features.shapley import Explanation, TreeTables
from offline_training.conversion.model_bytes import model_bytes

_MAX_ITERATIONS = 1_000


class Platt(NamedTuple):
    """``slope · raw + intercept`` are the log-odds; the product and the sum are rounded each, as ONNX rounds them."""

    slope: float
    intercept: float

    @property
    def link(self) -> Link:
        """Log-odds."""
        return "sigmoid"

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """See `Calibrator.apply`."""
        with np.errstate(all="ignore"):  # as ONNX Runtime, which warns of nothing
            return np.asarray(raw * self.slope + self.intercept)

    def to_onnx(self) -> bytes:
        """A ``Mul`` and an ``Add``."""
        nodes = [
            helper.make_node("Mul", [MODEL_INPUT, "slope"], ["product"]),
            helper.make_node("Add", ["product", "intercept"], [MODEL_OUTPUT]),
        ]
        constants = [numpy_helper.from_array(np.array([value]), name) for name, value in self._asdict().items()]
        return model_bytes("platt", nodes, constants, n_features=1, n_outputs=1)

    def explained(self, explanation: Explanation | None) -> Explanation | None:
        """Each contribution times the slope; the intercept belongs to no feature, so to the base."""
        if explanation is None:
            return None
        if isinstance(explanation, TreeTables):
            alone = ~len(explanation.leaf_values)  # a tree that is one leaf
            return explanation._replace(
                roots=np.append(explanation.roots, np.int32(alone)),
                outputs=np.append(explanation.outputs, np.int32(0)),
                leaf_values=np.append(explanation.leaf_values * self.slope, self.intercept),
                leaf_covers=np.append(explanation.leaf_covers, 1.0),
            )
        return explanation._replace(
            weights=explanation.weights * self.slope, biases=explanation.biases * self.slope + self.intercept
        )

    def allowed(self, max_abs_diff: float) -> float:
        """As steep as the line is."""
        return abs(self.slope) * max_abs_diff


def fit_platt(raw: np.ndarray, labels: np.ndarray) -> Platt:
    """The likeliest line, with Platt's targets: a little short of 0 and 1, so that it is not steep without end."""
    positives = float(labels.sum())
    negatives = len(labels) - positives
    target = np.where(labels == 1.0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    rows = np.concatenate([raw, raw]).reshape(-1, 1)
    classes = np.repeat([1.0, 0.0], len(raw))
    model = LogisticRegression(C=np.inf, max_iter=_MAX_ITERATIONS, tol=1e-8)
    with threadpool_limits(limits=1):
        model.fit(rows, classes, sample_weight=np.concatenate([target, 1 - target]))
    return Platt(float(model.coef_[0, 0]), float(model.intercept_[0]))
