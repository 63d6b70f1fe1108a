"""Figures of an anomaly model: how much it flags, how high it scores, and how right it is where that is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.ranking import Ranking

Doubles = npt.NDArray[np.float64]

QUANTILES = {"score_median": 0.5, "score_p90": 0.9, "score_p99": 0.99}


class Anomalies:
    """Share of the rows at or above the threshold, and quantiles of the scores; ROC AUC where rows have labels."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._flagged = outcomes.predicted
        self._order = np.argsort(outcomes.scores, kind="stable")
        self._ordered = outcomes.scores[self._order]
        self._known = np.flatnonzero(~np.isnan(outcomes.labels))
        known = outcomes.labels[self._known] == 1.0
        self._ranking = Ranking(known, outcomes.scores[self._known]) if 0 < known.sum() < len(known) else None

    def of(self, weights: Doubles) -> dict[str, Doubles]:
        """See `offline_training.evaluation.figures.Figures`."""
        total = weights.sum(axis=1)
        found = {"flagged": weights @ self._flagged / np.where(total > 0, total, np.nan)}
        reached = np.cumsum(weights[:, self._order], axis=1)
        for name, share in QUANTILES.items():
            at = (reached < (share * total)[:, np.newaxis]).sum(axis=1)
            found[name] = np.where(total > 0, self._ordered[np.minimum(at, len(self._ordered) - 1)], np.nan)
        if self._ranking is not None:
            known = weights[:, self._known]
            found["roc_auc"] = self._ranking.roc_auc(known)
            found["average_precision"] = self._ranking.average_precision(known)
        return found
