"""What is best said of a row of which nothing is known."""

from __future__ import annotations

import math

import numpy as np

from features.head import Task

_LEAST = 1e-6


def prior_raws(task: Task, labels: np.ndarray, n_classes: int, weights: np.ndarray | None) -> np.ndarray:
    """Raw scores, one an output: log-odds, logarithms of the classes' shares, or the mean."""
    if task != "multiclass":
        mean = float(np.average(labels, weights=weights))
        if task == "regression":
            return np.array([mean])
        share = min(max(mean, _LEAST), 1.0 - _LEAST)
        return np.array([math.log(share / (1.0 - share))])
    counts = np.bincount(labels.astype(np.intp), weights, minlength=n_classes)
    return np.asarray(np.log(np.maximum(counts / counts.sum(), _LEAST)))
