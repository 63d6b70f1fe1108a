"""How good scores are on rows whose outcome is known."""

from __future__ import annotations

import msgspec
import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score


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


def evaluate(labels: np.ndarray, scores: np.ndarray, threshold: float) -> Evaluation:
    """All figures at once; the decision is positive at or above the threshold."""
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


def roc_auc(labels: np.ndarray, ranking: np.ndarray) -> float:
    """Share of pairs of one positive and one negative that a ranking puts in the right order."""
    return float(roc_auc_score(labels, ranking))
