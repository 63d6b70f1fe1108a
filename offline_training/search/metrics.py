"""What a trial is measured by on the later rows of a fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from features.errors import DomainError
from features.head import Task

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]
"""Of labels, scores (of several classes ``[n, c]``) and weights."""


class Metric(NamedTuple):
    """One figure, and which way is better."""

    name: str
    measure: Measure
    higher_is_better: bool = False

    def loss(self, score: float) -> float:
        """The same figure with less for better."""
        return -score if self.higher_is_better else score


def _log_loss(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None) -> float:
    classes = np.arange(scores.shape[1] if scores.ndim > 1 else 2)
    return float(log_loss(labels, scores, sample_weight=weights, labels=classes))


def _accuracy(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None) -> float:
    return float(accuracy_score(labels, scores.argmax(axis=1), sample_weight=weights))


def _of(function: Callable[..., float]) -> Measure:
    return lambda labels, scores, weights: float(function(labels, scores, sample_weight=weights))


LOG_LOSS = Metric("log_loss", _log_loss)
RMSE = Metric("rmse", _of(root_mean_squared_error))

METRICS: Mapping[Task, tuple[Metric, ...]] = {
    "binary": (
        LOG_LOSS,
        Metric("roc_auc", _of(roc_auc_score), higher_is_better=True),
        Metric("average_precision", _of(average_precision_score), higher_is_better=True),
        Metric("brier", _of(brier_score_loss)),
    ),
    "multiclass": (LOG_LOSS, Metric("accuracy", _accuracy, higher_is_better=True)),
    "regression": (RMSE, Metric("mae", _of(mean_absolute_error)), Metric("r2", _of(r2_score), higher_is_better=True)),
    "clustering": (),
    "anomaly": (),
}
"""Those that each task may be searched by, the default first."""


def metric_of(task: Task, name: str | None) -> Metric:
    """A metric of a task; DomainError where it has none of that name."""
    there = METRICS[task]
    found = [metric for metric in there if name in {None, metric.name}]
    if not found:
        names = ", ".join(metric.name for metric in there) or "none, as there is no label to search by"
        raise DomainError("model.yaml: search.metric", f"{name!r} is none of a {task} model", f"there are {names}")
    return found[0]
