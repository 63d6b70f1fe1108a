"""The figures of an arm are those of scikit-learn, and their intervals hold by routing keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offline_training.comparison.proper_scores import of_two_outcomes, of_values
from offline_training.comparison.quality import Outcomes, quality, values_quality
from offline_training.evaluation import evaluate, evaluate_values


def drawn(n_units: int, per_unit: int, seed: int = 5) -> Outcomes:
    """Units that differ in their rate, scored by a part of it; scores have ties."""
    rng = np.random.default_rng(seed)
    chances = np.repeat(rng.beta(1, 4, n_units), per_unit)
    labels = (rng.random(len(chances)) < chances).astype(float)
    return outcomes_of(labels, chances.round(2), np.repeat(np.arange(n_units), per_unit))


def outcomes_of(labels: Any, scores: Any, units: Any) -> Outcomes:
    """Probabilities that a label is 1, held against it."""
    return Outcomes(labels, scores, of_two_outcomes(labels, scores), units)


def test_figures_are_those_of_scikit_learn() -> None:
    """Ties included."""
    outcomes = drawn(400, 3)
    found, expected = quality(outcomes, resamples=50), evaluate(outcomes.labels, outcomes.scores, 0.5)
    assert found is not None
    assert found.roc_auc is not None
    assert found.roc_auc.value == pytest.approx(expected.roc_auc)
    assert found.log_loss.value == pytest.approx(expected.log_loss)
    assert found.brier.value == pytest.approx(expected.brier)
    assert found.outcome_rate.value == pytest.approx(expected.positives / expected.rows)


def test_observations_of_one_key_are_no_independent_ones() -> None:
    """The same rows seen as one key each pretend to know more."""
    outcomes = drawn(60, 20)
    together, alone = quality(outcomes), quality(outcomes._replace(units=np.arange(len(outcomes.labels))))
    assert together is not None
    assert alone is not None
    widths = [found.outcome_rate.high - found.outcome_rate.low for found in (together, alone)]
    assert widths[0] > 1.3 * widths[1]


def test_what_cannot_be_said_is_not() -> None:
    """No outcome, no figures; all outcomes alike, no ranking."""
    nothing = np.array([])
    assert quality(outcomes_of(nothing, nothing, nothing.astype(np.int64))) is None
    alike = quality(outcomes_of(np.zeros(9), np.linspace(0, 1, 9), np.arange(9)))
    assert alike is not None
    assert alike.roc_auc is None


def valued(labels: Any, scores: Any, units: Any) -> Outcomes:
    """Predicted values, held against what came."""
    return Outcomes(labels, scores, of_values(labels, scores), units)


def test_figures_of_values_are_those_of_scikit_learn() -> None:
    """Which a version is evaluated by; an interval is by whole keys too."""
    rng = np.random.default_rng(6)
    means = np.repeat(rng.gamma(2, 10, 60), 20)
    labels, scores, units = rng.normal(means, 1.0), means + 3.0, np.repeat(np.arange(60), 20)
    found, alone = (
        values_quality(valued(labels, scores, units)),
        values_quality(valued(labels, scores, np.arange(1200))),
    )
    expected = evaluate_values(labels, scores)
    for one in (found, alone):
        assert one is not None
        assert one.rmse is not None
        assert one.mae is not None
        assert one.bias is not None
        assert one.r2 is not None
        figures = (one.rmse.value, one.mae.value, one.r2.value)
        assert figures == pytest.approx((expected.rmse, expected.mae, expected.r2))
        assert one.bias.value == pytest.approx((scores - labels).mean())
        assert one.bias.low < 3 < one.bias.high
        assert one.outcome_mean.value == pytest.approx(labels.mean())
    assert found is not None
    assert alone is not None
    widths = [one.outcome_mean.high - one.outcome_mean.low for one in (found, alone)]
    assert widths[0] > 3 * widths[1]


def test_of_values_what_cannot_be_said_is_not() -> None:
    """No outcome, no figures; outcomes that are alike, no variance; a score whose square is no number, no square."""
    nothing = np.array([])
    assert values_quality(valued(nothing, nothing, nothing.astype(np.int64))) is None
    alike = values_quality(valued(np.ones(9), np.linspace(0, 1, 9), np.arange(9)))
    assert alike is not None
    assert alike.r2 is None
    assert alike.rmse is not None
    assert any("R² unknown" in line for line in alike.lines())
    wild = values_quality(valued(np.arange(9.0), np.repeat([1e300, 0.0], [1, 8]), np.arange(9)))
    assert wild is not None
    assert (wild.rmse, wild.r2) == (None, None)
    assert wild.mae is not None
    assert wild.mae.value == pytest.approx(1e300 / 9)
    assert wild.outcome_mean.value == 4.0
