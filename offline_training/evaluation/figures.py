"""Figures under many weightings of the rows at once: one arithmetic for a figure, its interval and its segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from features.head import Task
from features.model_file import LOWER_IS_BETTER
from offline_training.evaluation.anomalies import Anomalies
from offline_training.evaluation.classification import Classification
from offline_training.evaluation.clusters import Clusters
from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.regression import Regression

Doubles = npt.NDArray[np.float64]

MAIN_FIGURES: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("accuracy", "roc_auc", "brier"),
    "multiclass": ("accuracy", "f1", "roc_auc"),
    "regression": ("mae", "rmse", "r2"),
    "clustering": ("distance", "simplified_silhouette"),
    "anomaly": ("flagged", "score_p90", "roc_auc"),
}
"""What is told of a part of the rows."""

LEADING: Final[Mapping[Task, str]] = {"binary": "roc_auc", "multiclass": "roc_auc", "regression": "rmse"}
"""The one figure by which two models of a task with labels are told apart."""


class Figures(Protocol):
    """Figures of some outcomes."""

    def of(self, weights: Doubles) -> Mapping[str, Doubles]:
        """Each figure under each of ``[b, n]`` weights, ``[b]``; NaN where there is nothing to measure."""
        ...


_FIGURES: Final[Mapping[Task, Callable[[Outcomes], Figures]]] = {
    "binary": Classification,
    "multiclass": Classification,
    "regression": Regression,
    "clustering": Clusters,
    "anomaly": Anomalies,
}


def to_figures(outcomes: Outcomes) -> Figures:
    """What measures outcomes of this task."""
    return _FIGURES[outcomes.task](outcomes)


def measure(outcomes: Outcomes) -> dict[str, float]:
    """Every figure of the rows as they are."""
    found = to_figures(outcomes).of(np.ones((1, len(outcomes.labels))))
    return {name: float(values[0]) for name, values in found.items()}


def gain(figure: str, ours: Any, theirs: Any) -> Any:
    """By how much one value of a figure is better than another; arrays give arrays."""
    return theirs - ours if figure in LOWER_IS_BETTER else ours - theirs


def figure_name(figure: str) -> str:
    """A figure as people write it."""
    capital = {"roc_auc": "ROC AUC", "f1": "F1", "mae": "MAE", "rmse": "RMSE", "r2": "R²", "brier": "Brier score"}
    return capital.get(figure, figure.replace("_", " "))
