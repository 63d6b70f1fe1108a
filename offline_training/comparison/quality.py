"""How good an arm's scores are, with intervals by a bootstrap over routing keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from offline_training import evaluation
from offline_training.comparison.proper_scores import Doubles, ProperScores
from offline_training.comparison.report import Quality, ValuesQuality
from offline_training.evaluation.figures import to_figures
from offline_training.evaluation.intervals import RESAMPLES, estimates
from offline_training.evaluation.ranking import Ranking

_SEED = 0


class Outcomes(NamedTuple):
    """Scores whose outcome is known, and how wrong each was; ``units`` numbers the routing key of each."""

    labels: Doubles
    scores: Doubles
    wrong: ProperScores
    units: npt.NDArray[np.int64]


def quality(outcomes: Outcomes, *, resamples: int = RESAMPLES) -> Quality | None:
    """Figures of probabilities with 95 % intervals, for one look; None without an outcome.

    Observations of one routing key are not independent, so whole keys are drawn (Poisson bootstrap), from a fixed seed.
    """
    if not len(outcomes.labels):
        return None
    tested = evaluation.Outcomes("binary", outcomes.labels, outcomes.scores, units=outcomes.units)
    found = estimates(tested, _of_rates(outcomes), seed=_SEED, resamples=resamples)
    return Quality(
        outcome_rate=found["outcome_rate"],
        roc_auc=found.get("roc_auc"),
        log_loss=found["log_loss"],
        brier=found["brier"],
    )


def values_quality(outcomes: Outcomes, *, resamples: int = RESAMPLES) -> ValuesQuality | None:
    """The same of predicted values."""
    if not len(outcomes.labels):
        return None
    tested = evaluation.Outcomes("regression", outcomes.labels, outcomes.scores, units=outcomes.units)
    with np.errstate(over="ignore", invalid="ignore"):  # of scores without bounds; what is no number is left out
        found = estimates(tested, _of_values(tested), seed=_SEED, resamples=resamples)
    return ValuesQuality(
        outcome_mean=found["outcome_mean"],
        rmse=found.get("rmse"),
        mae=found.get("mae"),
        bias=found.get("bias"),
        r2=found.get("r2"),
    )


def _of_rates(outcomes: Outcomes) -> Callable[[Doubles], Mapping[str, Doubles]]:
    """Outcome rate, log loss, Brier score and ROC AUC under weights; NaN where a weighted sum is empty."""
    ranking = Ranking(outcomes.labels == 1.0, outcomes.scores)
    columns = {
        "outcome_rate": outcomes.labels,
        "log_loss": outcomes.wrong.log_loss,
        "brier": outcomes.wrong.squared_error,
    }
    return lambda weights: _means(columns, weights) | {"roc_auc": ranking.roc_auc(weights)}


def _of_values(tested: evaluation.Outcomes) -> Callable[[Doubles], Mapping[str, Doubles]]:
    """Mean outcome, and by how much scores are above it, beside the figures that a regression is evaluated by."""
    figures = to_figures(tested)
    columns = {"outcome_mean": tested.labels, "bias": tested.scores - tested.labels}
    return lambda weights: {**_means(columns, weights), **figures.of(weights)}


def _means(columns: Mapping[str, Doubles], weights: Doubles) -> dict[str, Doubles]:
    total = weights.sum(axis=1)
    means = (weights @ np.column_stack(list(columns.values()))).T / np.where(total > 0, total, np.nan)
    return dict(zip(columns, means, strict=True))
