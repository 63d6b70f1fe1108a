"""Differences between two models on the same rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from offline_training.evaluation.significance import bootstrap_p_value, delong


def _by_pairs(labels: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> float:
    """DeLong's p-value from its definition, pair by pair."""
    of_positives, of_negatives = [], []
    for scores in (ours, theirs):
        higher = scores[labels == 1][:, None] - scores[labels == 0][None, :]
        wins = (higher > 0) + 0.5 * (higher == 0)
        of_positives.append(wins.mean(axis=1))
        of_negatives.append(wins.mean(axis=0))
    weights = np.array([1.0, -1.0])
    variance = sum(weights @ np.cov(np.stack(each)) @ weights / len(each[0]) for each in (of_positives, of_negatives))
    z = (of_positives[0].mean() - of_positives[1].mean()) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


def test_delong_is_what_its_definition_says() -> None:
    """Against all pairs, ties included."""
    rng = np.random.default_rng(0)
    labels = (rng.random(300) < 0.3).astype(float)
    ours = np.round(labels + rng.normal(size=300), 1)
    theirs = np.round(0.7 * labels + rng.normal(size=300), 1)
    found = delong(labels, ours, theirs)
    assert found.ours == pytest.approx(roc_auc_score(labels, ours))
    assert found.theirs == pytest.approx(roc_auc_score(labels, theirs))
    assert found.p_value == pytest.approx(_by_pairs(labels, ours, theirs))


def test_the_same_ranking_does_not_differ() -> None:
    """Neither from itself nor from a rising function of itself."""
    rng = np.random.default_rng(0)
    labels, scores = (rng.random(50) < 0.5).astype(float), rng.normal(size=50)
    assert delong(labels, scores, np.exp(scores)).p_value == 1.0


def test_where_there_is_no_difference_few_tests_find_one() -> None:
    """About one in twenty of equally good models has a p-value below 0.05."""
    rng = np.random.default_rng(1)
    labels = (np.arange(200) % 2).astype(float)
    small = [delong(labels, labels + rng.normal(size=200), labels + rng.normal(size=200)).p_value for _ in range(300)]
    assert 2 <= sum(p < 0.05 for p in small) <= 32


@pytest.mark.parametrize(("differences", "p"), [([1.0] * 99, 0.02), ([-1.0] * 50 + [1.0] * 50, 1.0), ([0.0] * 9, 1.0)])
def test_resamples_on_the_other_side_make_the_p_value(differences: list[float], p: float) -> None:
    """None of them is never certainty, half of them is chance, and no difference is none."""
    assert bootstrap_p_value(np.array(differences)) == pytest.approx(p)
