"""What the model has to beat: a linear model on the same inputs, and one input alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from sklearn.metrics import roc_auc_score

from features.head import Task, to_scores
from features.model_file import ModelSpec
from offline_training.evaluation import AnyEvaluation, evaluate_model, roc_auc
from offline_training.learners import LEARNERS, Sample

LINEAR: Final[Mapping[Task, str]] = {
    "binary": "logistic_regression",
    "multiclass": "logistic_regression",
    "regression": "ridge",
}
"""The linear learner of each task that has labels."""


def linear_scores(spec: ModelSpec, rows: np.ndarray, labels: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Scores ``[n, outputs]`` of tested rows by a linear model that was fitted on other rows."""
    learner = LEARNERS[LINEAR[spec.task]]
    learned = learner.fit(Sample(rows, labels, spec.task, spec.n_classes), {}, seed=spec.seed)
    return to_scores(learned.link, learned.raw(tested))


def evaluate_linear(
    spec: ModelSpec, rows: np.ndarray, labels: np.ndarray, tested: np.ndarray, tested_labels: np.ndarray
) -> AnyEvaluation:
    """How good the linear model is."""
    return evaluate_model(spec, tested_labels, linear_scores(spec, rows, labels, tested))


def rank_alone(
    spec: ModelSpec, column: np.ndarray, labels: np.ndarray, tested: np.ndarray, tested_labels: np.ndarray
) -> float:
    """What gates compare, of one input: as a ranking, or where there are classes or values, in a linear model."""
    if spec.task == "binary":
        return roc_auc(tested_labels, single_input_scores(column, labels, tested))
    alone, tested_alone = column[:, np.newaxis], tested[:, np.newaxis]
    return evaluate_linear(spec, alone, labels, tested_alone, tested_labels).rank


def single_input_scores(fit_column: np.ndarray, fit_labels: np.ndarray, column: np.ndarray) -> np.ndarray:
    """One input as a ranking, in the direction that ranks the rows of the fit; null stands at their median."""
    known = fit_column[~np.isnan(fit_column)]
    middle = float(np.median(known)) if len(known) else 0.0
    in_fit = np.nan_to_num(fit_column, nan=middle)
    direction = 1.0 if roc_auc_score(fit_labels, in_fit) >= 0.5 else -1.0
    return np.asarray(direction * np.nan_to_num(column, nan=middle))
