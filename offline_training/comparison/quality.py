"""How good an arm's scores are, with intervals by a bootstrap over routing keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from offline_training.comparison.proper_scores import Doubles, ProperScores
from offline_training.comparison.report import Quality
from offline_training.estimate import Estimate

RESAMPLES = 400
_LEVELS = (2.5, 97.5)


class Outcomes(NamedTuple):
    """Scores whose outcome is known, and how wrong each was; ``units`` numbers the routing key of each from 0."""

    labels: Doubles
    scores: Doubles
    wrong: ProperScores
    units: npt.NDArray[np.int64]


def quality(outcomes: Outcomes, *, resamples: int = RESAMPLES) -> Quality | None:
    """Figures with 95 % intervals, for one look; None without an outcome.

    Observations of one routing key are not independent, so whole keys are drawn (Poisson bootstrap), from a fixed seed.
    """
    if not len(outcomes.labels):
        return None
    figures = _Figures(outcomes)
    generator = np.random.default_rng(0)
    n_units = int(outcomes.units.max()) + 1
    drawn = np.array([figures.of(generator.poisson(1.0, n_units)[outcomes.units]) for _ in range(resamples)])
    found = figures.of(np.ones(len(outcomes.labels)))
    estimates = [_estimate(value, column[~np.isnan(column)]) for value, column in zip(found, drawn.T, strict=True)]
    rate, auc, loss, brier = estimates
    if rate is None or loss is None or brier is None:
        return None
    return Quality(outcome_rate=rate, roc_auc=auc, log_loss=loss, brier=brier)


def _estimate(value: float, drawn: Doubles) -> Estimate | None:
    if np.isnan(value):
        return None
    low, high = np.percentile(drawn, _LEVELS) if len(drawn) else (value, value)
    return Estimate(value=float(value), low=float(min(low, value)), high=float(max(high, value)))


class _Figures:
    """Outcome rate, ROC AUC, log loss and Brier score under any weights; what does not depend on them is done once."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._labels = outcomes.labels
        self._ranks = np.unique(outcomes.scores, return_inverse=True)[1]
        self._brier, self._loss = outcomes.wrong

    def of(self, weights: npt.NDArray[np.float64 | np.int64]) -> tuple[float, float, float, float]:
        """All four; NaN where a weighted sum is empty."""
        total = weights.sum()
        if not total:
            return (np.nan,) * 4
        rate, loss, brier = ((weights @ column) / total for column in (self._labels, self._loss, self._brier))
        return float(rate), self._auc(weights), float(loss), float(brier)

    def _auc(self, weights: npt.NDArray[np.float64 | np.int64]) -> float:
        """Share of pairs in the right order; a tie is half a pair."""
        positive = np.bincount(self._ranks, weights * self._labels)
        negative = np.bincount(self._ranks, weights * (1 - self._labels))
        pairs = positive.sum() * negative.sum()
        return float((positive @ (np.cumsum(negative) - negative / 2)) / pairs) if pairs else np.nan
