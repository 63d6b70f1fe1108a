"""Deciding only where the model is certain."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.selective import coverage_at, selective_curve
from offline_training.evaluation.targets import judge_targets
from tests.offline_training.evaluation.made_up import binary, multiclass

SIX = Outcomes("binary", np.array([1.0, 0, 1, 0, 1, 0]), np.array([0.99, 0.02, 0.9, 0.2, 0.4, 0.6]))
"""The four surest decisions are right, the two others wrong."""


def test_the_most_rows_that_hold_an_accuracy() -> None:
    """All four right ones hold 1, five hold 0.8, and all of them two thirds."""
    for accuracy, rows in ((1.0, 4), (0.6, 6), (2 / 3, 6)):
        found = coverage_at(SIX, accuracy)
        assert found is not None
        assert found.rows == rows
        assert found.share == rows / 6


@pytest.mark.parametrize("outcomes", [binary(), multiclass()], ids=["binary", "multiclass"])
def test_what_is_told_can_be_done(outcomes: Outcomes) -> None:
    """Deciding the rows from the certainty on, and no others, has the accuracy that is told."""
    found = coverage_at(outcomes, 0.85)
    assert found is not None
    decided = outcomes.certainty >= found.certainty
    assert decided.sum() == found.rows
    assert (outcomes.predicted == outcomes.labels)[decided].mean() == pytest.approx(found.accuracy)
    assert found.accuracy >= 0.85


def test_an_accuracy_that_nothing_holds_has_no_coverage() -> None:
    """Where even the surest decision is wrong."""
    wrong = SIX._replace(labels=1 - SIX.labels)
    assert coverage_at(wrong.take(np.arange(4)), 0.5) is None


def test_rows_of_one_certainty_are_decided_together() -> None:
    """A curve has one point for each certainty, the last of them all rows."""
    curve = selective_curve(binary(1_000))
    assert len(set(curve.certainties.tolist())) == len(curve.certainties)
    assert curve.rows[-1] == 1_000


def test_a_target_says_whether_it_is_met_and_where_it_would_be() -> None:
    """An accuracy that is missed tells its coverage; errors are bounded from above."""
    missed, met = judge_targets({"accuracy": 1.0, "brier": 0.5}, {"accuracy": 4 / 6, "brier": 0.2}, SIX)
    assert (missed.met, met.met) == (False, True)
    assert missed.coverage is not None
    assert missed.line() == (
        "target accuracy at least 1 missed: 0.6667; it holds on the most certain 66.7% of the rows"
    )
    assert met.line() == "target brier at most 0.5 met: 0.2000"
    (at_bound,) = judge_targets({"accuracy": 4 / 6}, {"accuracy": 4 / 6}, SIX)
    assert at_bound.met
