"""Where a decision turns, against trying every threshold there is."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from features.errors import DomainError
from features.model_file import CostSpec, DecisionSpec, EvaluationSpec, ModelSpec, ThresholdSpec
from offline_training.evaluation.threshold import choose_threshold, decide_by, require_stated
from tests.offline_training.evaluation.made_up import binary

OUTCOMES = binary(200)
LABELS, SCORES = OUTCOMES.labels, OUTCOMES.scores
GRID = np.linspace(0.0005, 0.9995, 1_000)
"""Scores have two decimals, so between two neighbours lies a point of this grid."""


def _counts(threshold: float) -> tuple[int, int, int]:
    """Right positives, wrong positives, missed ones."""
    named = threshold <= SCORES
    return int((named & (LABELS == 1)).sum()), int((named & (LABELS == 0)).sum()), int((~named & (LABELS == 1)).sum())


@pytest.mark.parametrize(("false_positive", "false_negative"), [(1.0, 1.0), (1.0, 5.0), (8.0, 1.0)])
def test_no_threshold_costs_less(false_positive: float, false_negative: float) -> None:
    """The dearer a miss, the lower it lies."""

    def cost(threshold: float) -> float:
        _, wrong, missed = _counts(threshold)
        return false_positive * wrong + false_negative * missed

    spec = ThresholdSpec(cost=CostSpec(false_positive=false_positive, false_negative=false_negative))
    assert cost(choose_threshold(spec, LABELS, SCORES)) == min(map(cost, GRID))


def test_a_recall_is_held_by_the_highest_threshold() -> None:
    """A little above, it is not any more."""
    found = choose_threshold(ThresholdSpec(recall=0.9), LABELS, SCORES)
    right, _, missed = _counts(found)
    assert right >= 0.9 * (right + missed)
    for higher in GRID[found + 0.01 < GRID]:
        right, _, missed = _counts(higher)
        assert right < 0.9 * (right + missed)


def test_a_precision_is_held_by_the_lowest_threshold() -> None:
    """No lower one holds it."""
    found = choose_threshold(ThresholdSpec(precision=0.8), LABELS, SCORES)
    right, wrong, _ = _counts(found)
    assert right >= 0.8 * (right + wrong)
    for lower in GRID[found - 0.01 > GRID]:
        right, wrong, _ = _counts(lower)
        assert right < 0.8 * (right + wrong)


def test_a_precision_that_no_threshold_holds_is_refused() -> None:
    """The refusal names the best there is."""
    with pytest.raises(DomainError, match=r"precision of 1, and the best is 0\.5"):
        choose_threshold(ThresholdSpec(precision=1.0), np.array([1.0, 0.0]), np.array([0.5, 0.5]))


@pytest.mark.parametrize("scores", [np.zeros(4), np.ones(4), np.array([0.0, 1.0, 0.0, 1.0])])
def test_scores_at_the_ends_leave_a_threshold_between_them(scores: np.ndarray) -> None:
    """A threshold is compared with a probability, so it lies between 0 and 1."""
    spec = ThresholdSpec(cost=CostSpec(false_positive=1.0, false_negative=1.0))
    assert 0 < choose_threshold(spec, np.array([0.0, 1.0, 0.0, 1.0]), scores) < 1


SPEC = ModelSpec(service="s", horizon="5d", baseline_feature="v:f", decision=DecisionSpec(positive="a", negative="b"))
ASKED = msgspec.structs.replace(SPEC, evaluation=EvaluationSpec(threshold=ThresholdSpec(recall=0.9)))


def test_the_chosen_threshold_takes_the_place_of_the_stated_one() -> None:
    """Where none is asked for, the model file stays as it is."""
    chosen = decide_by(ASKED, LABELS, SCORES).decision
    assert chosen is not None
    assert chosen.threshold == choose_threshold(ThresholdSpec(recall=0.9), LABELS, SCORES)
    assert (chosen.positive, chosen.negative) == ("a", "b")
    assert decide_by(SPEC, LABELS, SCORES) is SPEC


def test_without_rows_to_choose_on_only_a_stated_threshold_will_do() -> None:
    """A history that is too short is told."""
    require_stated(SPEC)
    with pytest.raises(DomainError, match="cannot be chosen"):
        require_stated(ASKED)
