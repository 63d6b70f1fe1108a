"""A surrogate around one row."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.explanations import choose_samples, fit_surrogate
from tests.offline_training.evaluation.made_up import binary, multiclass, regression

WEIGHTS = np.array([2.0, -1.0, 0.0])


def test_of_a_linear_score_it_finds_what_each_value_adds() -> None:
    """Weight times how far the row lies from the background, and it fits almost perfectly."""
    rng = np.random.default_rng(0)
    background = rng.normal(size=(500, 3)) * 0.01
    row = np.array([3.0, 2.0, 5.0])
    found = fit_surrogate(lambda rows: rows @ WEIGHTS, row, background, seed=1)
    assert found.weights == pytest.approx(WEIGHTS * row, abs=0.05)
    assert found.fidelity > 0.99


def test_the_same_seed_explains_alike() -> None:
    """Another draws other rows."""
    background, row = np.random.default_rng(0).normal(size=(50, 3)), np.ones(3)
    first, again, other = (fit_surrogate(lambda rows: rows @ WEIGHTS, row, background, seed=s) for s in (1, 1, 2))
    assert first.weights.tolist() == again.weights.tolist() != other.weights.tolist()


def test_missing_inputs_are_explained_as_well() -> None:
    """NaN is a value like others."""
    background = np.zeros((20, 2))
    found = fit_surrogate(lambda rows: np.isnan(rows[:, 0]) * 1.0, np.array([np.nan, 1.0]), background, seed=1)
    assert found.weights == pytest.approx([1.0, 0.0], abs=0.05)


def test_samples_are_the_extremes() -> None:
    """Each row once, with the reason why it is looked at."""
    outcomes = binary()
    samples = choose_samples(outcomes)
    assert samples[0].row == outcomes.scores.argmax()
    assert samples[1].row == outcomes.scores.argmin()
    assert len({sample.row for sample in samples}) == len(samples) <= 4
    assert {sample.output for sample in samples} == {0}
    assert len(choose_samples(regression())) >= 3
    several = multiclass()
    for sample in choose_samples(several):
        assert sample.output == several.predicted[sample.row]
