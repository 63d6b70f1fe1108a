"""Isotonic regression: the rising step function that fits best, as a tree of one input."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from sklearn.isotonic import isotonic_regression

from features.head import Link
from features.shapley import Explanation
from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.onnx_trees import to_onnx

_LARGEST = float(np.finfo(np.float64).max)


class Isotonic(NamedTuple):
    """A raw score up to ``bounds[i]``, and above the bound before, has the probability ``values[i]``.

    ``values`` are one more than ``bounds``.
    """

    bounds: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def link(self) -> Link:
        """Probabilities as they are."""
        return "identity"

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """See `Calibrator.apply`."""
        steps = np.array(self.values)[np.searchsorted(np.array(self.bounds), raw, side="left")]
        return np.where(np.isfinite(raw), steps, math.nan)

    def to_onnx(self) -> bytes:
        """One tree: what is not finite goes to leaves that are NaN, all else down a balanced search of the bounds."""
        return to_onnx(Ensemble(1, (_tree(self.bounds, self.values),)))

    def explained(self, explanation: Explanation | None) -> Explanation | None:  # noqa: ARG002 - of the contract
        """Nothing: steps divide into no sum over the features."""
        return None

    def allowed(self, max_abs_diff: float) -> float:
        """The same step, or one that the proof refuses; that golden rows are ONNX Runtime's own stays so."""
        return max_abs_diff


def fit_isotonic(raw: np.ndarray, labels: np.ndarray) -> Isotonic:
    """Steps of raw scores; no probability is nearer to 0 or 1 than that of one more row of the other label.

    A bound lies halfway between the last raw score of a step and the first of the next.
    """
    least = 1 / (len(labels) + 2)
    distinct, of_row, counts = np.unique(raw, return_inverse=True, return_counts=True)
    means = np.bincount(of_row, weights=labels) / counts
    fitted = isotonic_regression(means, sample_weight=counts, y_min=least, y_max=1 - least)
    last = np.flatnonzero(np.diff(fitted) > 0)
    below, above = distinct[last], distinct[last + 1]
    middle = below / 2 + above / 2
    is_between = (below <= middle) & (middle < above)  # neighbouring doubles have nothing between them
    bounds = np.where(is_between, middle, below)
    return Isotonic(tuple(bounds.tolist()), (*fitted[last].tolist(), float(fitted[-1])))


def _tree(bounds: tuple[float, ...], values: tuple[float, ...]) -> Tree:
    """Splits of one feature, the first two of which send off infinities and NaN."""
    leaves = (*values, math.nan, math.nan)
    above, below = ~len(values), ~(len(values) + 1)
    splits = [
        Split(0, _LARGEST, None, False, 1, above, 0),
        Split(0, -math.inf, None, False, below, 2 if bounds else ~0, 0),
    ]

    def search(low: int, high: int) -> int:
        """The node that tells apart the steps from ``low`` to ``high``."""
        if low == high:
            return ~low
        node, middle = len(splits), (low + high) // 2
        splits.append(Split(0, bounds[middle], None, False, 0, 0, 0))
        left, right = search(low, middle), search(middle + 1, high)
        splits[node] = splits[node]._replace(left=left, right=right)
        return node

    search(0, len(bounds))
    return Tree(tuple(splits), leaves, (0.0,) * len(leaves))
