"""What a fit makes small: log loss of probabilities, squared error of values."""

from __future__ import annotations

import numpy as np

from features.head import Task

_LEAST = 1e-15


def mean_loss(task: Task, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean over the rows of scores ``[n, outputs]``: of -log(probability of what happened), or of squared errors."""
    if task == "regression":
        losses = (scores[:, 0] - labels) ** 2
    else:
        happened = labels.astype(np.intp)
        of_all = np.column_stack([1.0 - scores[:, 0], scores[:, 0]]) if scores.shape[1] == 1 else scores
        losses = -np.log(np.clip(of_all[np.arange(len(labels)), happened], _LEAST, 1.0))
    return float(np.average(losses, weights=weights))
