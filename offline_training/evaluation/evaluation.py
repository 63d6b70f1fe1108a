"""How good scores are on rows whose outcome is known."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from features.head import Task
from features.model_file import ModelSpec
from offline_training.loss import mean_loss

RANKED_BY: dict[Task, str] = {
    "binary": "ROC AUC",
    "multiclass": "ROC AUC",
    "regression": "R²",
    "clustering": "silhouette",
    "anomaly": "stability",
}
"""The figure that gates compare; without labels, the one that approval is bound to."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Of probabilities against outcomes; ``majority_accuracy`` is that of always naming the commoner outcome."""

    rows: int
    positives: int
    roc_auc: float
    average_precision: float
    accuracy: float
    majority_accuracy: float
    brier: float
    log_loss: float

    @property
    def rank(self) -> float:
        """What gates compare."""
        return self.roc_auc


class ClassesEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Of probabilities of several classes; ``roc_auc`` is the mean over the classes of each against the rest."""

    rows: int
    roc_auc: float
    accuracy: float
    majority_accuracy: float
    log_loss: float

    @property
    def rank(self) -> float:
        """What gates compare."""
        return self.roc_auc


class ValuesEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Of values; ``r2`` is the share of their variance that is explained."""

    rows: int
    r2: float
    mae: float
    rmse: float

    @property
    def rank(self) -> float:
        """What gates compare."""
        return self.r2


class ClustersEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Of clusters. ``adjusted_rand`` says how far they are those of the labels, where there are any."""

    rows: int
    silhouette: float
    inertia: float
    stability: float
    adjusted_rand: float | None

    @property
    def rank(self) -> float:
        """What approval is bound to."""
        return self.silhouette


class AnomaliesEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Of anomaly scores. ``flagged`` is the share at or above the threshold, ``stability`` a rank correlation."""

    rows: int
    flagged: float
    stability: float
    roc_auc: float | None

    @property
    def rank(self) -> float:
        """What approval is bound to."""
        return self.stability


AnyEvaluation: TypeAlias = Evaluation | ClassesEvaluation | ValuesEvaluation | ClustersEvaluation | AnomaliesEvaluation


def evaluate_model(spec: ModelSpec, labels: np.ndarray, scores: np.ndarray) -> AnyEvaluation:
    """All figures of scores ``[n, outputs]`` that the task of a model has."""
    if spec.task == "multiclass":
        return evaluate_classes(labels, scores)
    if spec.task == "regression":
        return evaluate_values(labels, scores[:, 0])
    assert spec.decision is not None  # model.yaml has none that is binary without
    return evaluate(labels, scores[:, 0], spec.decision.threshold)


def evaluate(labels: np.ndarray, scores: np.ndarray, threshold: float) -> Evaluation:
    """Of a binary model; the decision is positive at or above the threshold."""
    share = float(labels.mean())
    return Evaluation(
        rows=len(labels),
        positives=int(labels.sum()),
        roc_auc=roc_auc(labels, scores),
        average_precision=float(average_precision_score(labels, scores)),
        accuracy=float(((scores >= threshold) == (labels == 1.0)).mean()),
        majority_accuracy=max(share, 1.0 - share),
        brier=float(brier_score_loss(labels, scores)),
        log_loss=float(log_loss(labels, scores)),
    )


def evaluate_classes(labels: np.ndarray, scores: np.ndarray) -> ClassesEvaluation:
    """Of probabilities ``[n, classes]``; classes that no row has are left out of ``roc_auc``."""
    found = np.unique(labels).astype(int).tolist()
    return ClassesEvaluation(
        rows=len(labels),
        roc_auc=float(np.mean([roc_auc(labels == one, scores[:, one]) for one in found])),
        accuracy=float((scores.argmax(axis=1) == labels).mean()),
        majority_accuracy=float(np.bincount(labels.astype(int)).max() / len(labels)),
        log_loss=mean_loss("multiclass", labels, scores),
    )


def evaluate_values(labels: np.ndarray, scores: np.ndarray) -> ValuesEvaluation:
    """Of values ``[n]``."""
    return ValuesEvaluation(
        rows=len(labels),
        r2=float(r2_score(labels, scores)),
        mae=float(mean_absolute_error(labels, scores)),
        rmse=float(root_mean_squared_error(labels, scores)),
    )


def figures_of(evaluation: AnyEvaluation) -> dict[str, float]:
    """Its figures by name, without the counts."""
    return {name: value for name, value in msgspec.structs.asdict(evaluation).items() if isinstance(value, float)}


def roc_auc(labels: np.ndarray, ranking: np.ndarray) -> float:
    """Share of pairs of one positive and one negative that a ranking puts in the right order."""
    return float(roc_auc_score(labels, ranking))
