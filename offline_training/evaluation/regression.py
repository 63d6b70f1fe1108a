"""Figures of predicted values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offline_training.evaluation.outcomes import Outcomes

Doubles = npt.NDArray[np.float64]


class Regression:
    """Mean absolute error, root of the mean squared error, and the share of the variance that is explained."""

    def __init__(self, outcomes: Outcomes) -> None:
        errors = outcomes.scores - outcomes.labels
        centred = outcomes.labels - outcomes.labels.mean()  # the variance does not cancel then
        self._columns = np.column_stack([np.abs(errors), errors**2, centred, centred**2])

    def of(self, weights: Doubles) -> dict[str, Doubles]:
        """See `offline_training.evaluation.figures.Figures`."""
        total = weights.sum(axis=1)
        total = np.where(total > 0, total, np.nan)
        absolute, squared, mean, mean_square = (weights @ self._columns).T / total
        variance = mean_square - mean**2
        unexplained = np.divide(squared, variance, out=np.full_like(squared, np.nan), where=variance > 0)
        return {"mae": absolute, "rmse": np.sqrt(squared), "r2": 1.0 - unexplained}
