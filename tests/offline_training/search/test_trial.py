"""One trial is a function of its number and of the trials that it may know."""

from __future__ import annotations

from functools import partial
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from features.errors import DomainError
from offline_training.learners import Params, Sample, Validation
from offline_training.learners.deep.learner import Cnn
from offline_training.search.metrics import METRICS, metric_of
from offline_training.search.problem import Candidate, Problem
from offline_training.search.pruner import ALGORITHM
from offline_training.search.trial import NUMBER, PARAMS, SCORE, run_trial
from tests.offline_training.search.problems import STEPS, Sloped, SlopeLearner, learners, small_problem

optuna.logging.set_verbosity(optuna.logging.WARNING)


def never() -> bool:
    """Time enough."""
    return False


def trials_of(problem: Problem, n: int) -> list[FrozenTrial]:
    """The first trials, each knowing all before it."""
    done: list[FrozenTrial] = []
    for number in range(n):
        trial = run_trial(problem, number, done, is_over=never, learners=learners(*problem.algorithms))
        assert trial is not None
        done.append(trial)
    return done


def told(trials: list[FrozenTrial]) -> list[tuple[object, ...]]:
    """What decides: what was tried, and what came of it."""
    return [(trial.user_attrs, trial.state, trial.values, trial.intermediate_values) for trial in trials]


def test_the_same_number_and_history_give_the_same_trial() -> None:
    """Another seed gives others."""
    problem = small_problem()
    assert told(trials_of(problem, 14)) == told(trials_of(problem, 14))
    assert told(trials_of(problem, 3))[1:] != told(trials_of(problem._replace(seed=4), 3))[1:]


def test_what_is_given_comes_first() -> None:
    """So that a search never ends below it on the same rows."""
    first, second = trials_of(small_problem(), 2)
    assert (first.user_attrs[NUMBER], first.user_attrs[PARAMS]) == (0, {"slope": 0.1})
    assert second.user_attrs[PARAMS] != {"slope": 0.1}
    assert first.value == pytest.approx(first.user_attrs[SCORE])


def test_each_algorithm_has_a_trial_of_its_own() -> None:
    """Their parameters of one name are two; what is known of one says nothing of the other."""
    problem = small_problem(algorithms=("a", "b", "c"), given=Candidate("b", {"slope": 1.0}))
    trials = trials_of(problem, 4)
    assert [trial.user_attrs[ALGORITHM] for trial in trials] == ["b", "a", "b", "c"]
    assert [set(trial.params) for trial in trials[1:]] == [{ALGORITHM, f"{name}.slope"} for name in ("a", "b", "c")]


def test_a_search_finds_the_better_algorithm_and_parameter() -> None:
    """The signal's slope is near 1.7, the other features are noise."""
    trials = trials_of(small_problem(algorithms=("a", "b"), given=Candidate("b", {"slope": 1.0})), 40)
    best = min((trial for trial in trials if trial.state == TrialState.COMPLETE), key=lambda trial: trial.value or 0)
    assert best.user_attrs[ALGORITHM] == "a"
    assert 1.0 < best.user_attrs[PARAMS]["slope"] < 2.6
    later = [trial.user_attrs[ALGORITHM] for trial in trials[20:]]
    assert later.count("a") > 12


def test_a_hopeless_trial_is_given_up() -> None:
    """Once enough have finished: in the first fold by the learner's own losses, after a fold by the mean so far."""
    problem, known = small_problem(), trials_of(small_problem(), 12)
    hopeless = problem._replace(given=Candidate("slope", {"slope": 5_000.0}))
    learner = SlopeLearner("slope")
    trial = run_trial(hopeless, 0, known, is_over=never, learners={"slope": learner})
    assert trial is not None
    assert trial.state == TrialState.PRUNED
    assert SCORE not in trial.user_attrs
    assert list(trial.intermediate_values) == [20]
    assert learner.fits == 1
    assert any(trial.state == TrialState.PRUNED for trial in trials_of(problem, 30))


def test_scores_that_are_no_numbers_end_a_trial() -> None:
    """A fit that has run away is as good as given up."""
    problem = small_problem(given=Candidate("slope", {"slope": float("inf")}))
    trial = run_trial(problem, 0, [], is_over=never, learners=learners())
    assert trial is not None
    assert trial.state == TrialState.PRUNED


def test_time_that_runs_out_leaves_no_trial() -> None:
    """In the middle of a fit, or between two."""
    for calls in (0, 30, STEPS + 1):
        left = iter([False] * calls)
        ended = run_trial(small_problem(), 0, [], is_over=partial(next, left, True), learners=learners())
        assert ended is None


def test_what_the_inputs_are_is_no_trials_to_choose() -> None:
    """Pictures have the stated shape in every trial: by their numbers alone, 192 would be 8 x 8 in three colours."""
    shape: dict[str, Any] = {"image_shape": "12x16x1", "blocks": 1}
    problem = small_problem(algorithms=("cnn",), given=Candidate("cnn", {**shape, "epochs": 1}))
    trial = run_trial(problem, 1, [], is_over=never, learners={"cnn": Shown()})
    assert trial is not None
    assert shape.items() <= trial.user_attrs[PARAMS].items()
    assert trial.user_attrs[PARAMS].keys() == shape.keys() | {name.removeprefix("cnn.") for name in trial.params} - {
        ALGORITHM
    }
    other = run_trial(
        problem._replace(given=Candidate("slope", shape)), 1, [], is_over=never, learners={"cnn": Shown()}
    )
    assert other is not None
    assert not shape.keys() & other.user_attrs[PARAMS].keys()


class Shown(Cnn):
    """A network of pictures that is asked for its parameters alone."""

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> Any:
        self.check(params)
        return Sloped(self.name, {"slope": 1.0}, 0)


def test_metrics_turn_the_better_way() -> None:
    """Losses fall; what is better when higher is turned round."""
    assert [metric.name for metric in METRICS["binary"]][:2] == ["log_loss", "roc_auc"]
    assert metric_of("binary", None).loss(0.3) == 0.3
    assert metric_of("binary", "roc_auc").loss(0.8) == -0.8
    assert metric_of("regression", None).name == "rmse"
    with pytest.raises(DomainError, match="'rmse' is none of a binary model; there are log_loss, roc_auc"):
        metric_of("binary", "rmse")
