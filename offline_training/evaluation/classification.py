"""Figures of decisions between classes, and of their probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.ranking import Ranking

Doubles = npt.NDArray[np.float64]
_LEAST = 1e-15


class Classification:
    """Precision, recall and F1 are means over the classes, weighted by how often each happened.

    ``positive_precision`` and ``positive_recall`` are those of the label 1 alone. With several classes, ROC AUC is the
    mean over each class against all others.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._n_classes = n = outcomes.n_classes
        happened, predicted = outcomes.labels.astype(np.int64), outcomes.predicted.astype(np.int64)
        rows = np.arange(len(happened))
        cells = (happened * n + predicted, rows)
        self._cells = csr_array((np.ones(len(rows)), cells), shape=(n * n, len(rows)))
        scores = outcomes.class_scores
        own = np.clip(scores[rows, happened], _LEAST, 1.0)
        is_class = happened[:, np.newaxis] == np.arange(n)
        squares = ((scores - is_class) ** 2).sum(axis=1)
        self._losses = np.column_stack([squares / 2 if n == 2 else squares, -np.log(own)])
        of_classes = range(1, 2) if n == 2 else range(n)
        self._rankings = [Ranking(is_class[:, k], scores[:, k]) for k in of_classes]

    def of(self, weights: Doubles) -> dict[str, Doubles]:
        """See `offline_training.evaluation.figures.Figures`."""
        n = self._n_classes
        table = (self._cells @ weights.T).T.reshape(-1, n, n)
        right = np.diagonal(table, axis1=1, axis2=2)
        happened, named, total = table.sum(axis=2), table.sum(axis=1), table.sum(axis=(1, 2))
        precision, recall = _shares(right, named), _shares(right, happened)
        total = np.where(total > 0, total, np.nan)
        brier, log_loss = (weights @ self._losses).T / total

        def mean(of_classes: Doubles) -> Doubles:
            return np.asarray((of_classes * happened).sum(axis=1) / total)

        found = {
            "accuracy": right.sum(axis=1) / total,
            "majority_accuracy": happened.max(axis=1) / total,
            "precision": mean(precision),
            "recall": mean(recall),
            "f1": mean(_shares(2 * right, named + happened)),
            "roc_auc": _mean_of_known([ranking.roc_auc(weights) for ranking in self._rankings]),
            "brier": brier,
            "log_loss": log_loss,
        }
        if n == 2:
            found |= {
                "average_precision": self._rankings[0].average_precision(weights),
                "positive_precision": precision[:, 1],
                "positive_recall": recall[:, 1],
            }
        return found


def _shares(parts: Doubles, wholes: Doubles) -> Doubles:
    """Quotients; 0 where there is no whole, as is usual for precision."""
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)


def _mean_of_known(columns: list[Doubles]) -> Doubles:
    """Mean over those that are not NaN; NaN where all are."""
    stacked = np.stack(columns)
    known = ~np.isnan(stacked)
    sums, counts = np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0)
    return np.asarray(np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0))
