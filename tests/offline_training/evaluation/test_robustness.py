"""Inputs that are missing, inputs with noise."""

from __future__ import annotations

import numpy as np
import pytest

from features.vector import MissingPolicy
from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.robustness import NOISE, robustness

NAMES = ("v:used", "v:unused")


def _score(rows: np.ndarray) -> np.ndarray:
    """Of the first input alone; missing is even odds."""
    return np.where(np.isnan(rows[:, 0]), 0.5, 1 / (1 + np.exp(-np.nan_to_num(rows[:, 0]))))


def _outcomes(rows: np.ndarray) -> Outcomes:
    labels = (np.random.default_rng(1).random(len(rows)) < _score(rows)).astype(np.float64)
    return Outcomes("binary", labels, _score(rows))


def test_the_input_that_is_needed_comes_first() -> None:
    """Without it nothing is ranked any more; without the other nothing changes."""
    rows = np.random.default_rng(0).normal(size=(500, 2)) * 2
    found = robustness(_score, rows, NAMES, _outcomes(rows), MissingPolicy(), seed=3)
    assert [each.what for each in found[:2]] == ["without v:used", "without v:unused"]
    assert found[0].value == 0.5
    assert found[0].loss > 0.2
    assert found[1].loss == 0.0
    assert len(found) == 2 + len(NOISE)
    assert found[2].loss < found[-1].loss


@pytest.mark.parametrize("policy", [MissingPolicy(default=7.0), MissingPolicy(features={"v:used": 7.0})])
def test_a_missing_input_is_what_the_policy_puts_in_its_place(policy: MissingPolicy) -> None:
    """As the scorer would."""
    seen: list[np.ndarray] = []

    def score(rows: np.ndarray) -> np.ndarray:
        seen.append(rows[:, 0])
        return _score(rows)

    rows = np.random.default_rng(0).normal(size=(50, 2))
    robustness(score, rows, NAMES, _outcomes(rows), policy, seed=3)
    assert (seen[0] == 7.0).all()
