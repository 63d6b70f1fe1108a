"""Figures under weights: those of scikit-learn, and those of rows repeated as often as they weigh."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from features.head import Task
from features.model_file import TARGETS
from offline_training.evaluation.figures import LEADING, MAIN_FIGURES, measure, to_figures
from offline_training.evaluation.outcomes import Outcomes
from tests.offline_training.evaluation.made_up import binary, multiclass, outcomes_of, regression

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@pytest.mark.parametrize("outcomes", [binary(), multiclass()], ids=["binary", "multiclass"])
def test_decisions_are_measured_as_scikit_learn_does(outcomes: Outcomes) -> None:
    """Accuracy, weighted precision, recall and F1, ROC AUC (one against the rest), and log loss."""
    labels, predicted, found = outcomes.labels, outcomes.predicted, measure(outcomes)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, predicted, average="weighted")
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx((precision, recall, f1))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, outcomes.scores, multi_class="ovr"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, outcomes.scores))
    assert found["majority_accuracy"] == pytest.approx(np.bincount(labels.astype(int)).max() / len(labels))


def test_the_figures_of_one_positive_outcome_are_scikit_learns() -> None:
    """Average precision with ties, Brier score, precision and recall of the label 1."""
    outcomes = binary()
    found = measure(outcomes)
    assert found["average_precision"] == pytest.approx(
        metrics.average_precision_score(outcomes.labels, outcomes.scores)
    )
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(outcomes.labels, outcomes.scores))
    assert found["positive_precision"] == pytest.approx(metrics.precision_score(outcomes.labels, outcomes.predicted))
    assert found["positive_recall"] == pytest.approx(metrics.recall_score(outcomes.labels, outcomes.predicted))


def test_values_are_measured_as_scikit_learn_does() -> None:
    """MAE, RMSE and R², far from zero too."""
    outcomes = regression()
    far = outcomes._replace(labels=outcomes.labels + 1e7, scores=outcomes.scores + 1e7)
    for each in (outcomes, far):
        found = measure(each)
        assert found["mae"] == pytest.approx(metrics.mean_absolute_error(each.labels, each.scores))
        assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(each.labels, each.scores))
        assert found["r2"] == pytest.approx(metrics.r2_score(each.labels, each.scores))


@pytest.mark.parametrize("task", TASKS)
def test_a_weight_is_a_number_of_rows(task: Task) -> None:
    """Weights of 0, 1, 2 give the figures of the rows left out, as they are, and twice."""
    outcomes = outcomes_of(task)
    weights = np.random.default_rng(4).integers(0, 3, (5, len(outcomes.labels)))
    found = to_figures(outcomes).of(weights.astype(np.float64))
    for i, weight in enumerate(weights):
        repeated = measure(outcomes.take(np.repeat(np.arange(len(weight)), weight)))
        assert {name: values[i] for name, values in found.items()} == pytest.approx(repeated)


@pytest.mark.parametrize("task", TASKS)
def test_every_figure_that_can_be_wanted_is_measured(task: Task) -> None:
    """What `targets` may name, what leads, and what is told of segments."""
    assert set(measure(outcomes_of(task))) >= {*TARGETS[task], *MAIN_FIGURES[task], LEADING[task]}


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_measured_of_nothing(task: Task) -> None:
    """Without weight every figure is NaN but a share of no decisions, which is 0; and nothing warns."""
    outcomes = outcomes_of(task)
    found = to_figures(outcomes).of(np.zeros((1, len(outcomes.labels))))
    assert {name for name, (value,) in found.items() if not np.isnan(value)} <= {
        "positive_precision",
        "positive_recall",
    }


def test_one_outcome_alone_has_no_ranking() -> None:
    """ROC AUC is NaN, the rest is measured."""
    outcomes = binary().take(binary().labels == 1.0)
    found = measure(outcomes)
    assert np.isnan(found["roc_auc"])
    assert found["accuracy"] == pytest.approx(outcomes.predicted.mean())
