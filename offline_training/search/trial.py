"""One trial: parameters proposed from the trials before it, fitted and measured fold by fold.

A trial is a function of the problem, its number and the trials that it may know, and of nothing else: the sampler is
made anew for each, with a seed of its own. So a search that was killed and started again makes the same trials, and
one that runs several at once makes the same as one that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from features.head import to_scores
from offline_training.learners import LEARNERS, Learner, Sample, Trial, Validation, of_inputs
from offline_training.preparation import prepared
from offline_training.search.metrics import metric_of
from offline_training.search.problem import Candidate, Problem
from offline_training.search.pruner import ALGORITHM, LikeWithLike, after_fold, within_first_fold
from offline_training.split import Split

NUMBER = "number"
PARAMS = "params"
SCORE = "validation_score"
"""Attributes of a finished trial, beside `ALGORITHM`."""

_STARTUP_TRIALS = 10
_REPORTED_EVERY = 20


class OutOfTimeError(Exception):
    """The search is to end before this trial has."""


class OwnNames:
    """A trial as one learner sees it: two learners' parameters of the same name are two parameters."""

    def __init__(self, trial: optuna.Trial, learner: str) -> None:
        self._trial = trial
        self._learner = learner

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """See `optuna.Trial.suggest_float`."""
        return self._trial.suggest_float(f"{self._learner}.{name}", low, high, step=step, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """See `optuna.Trial.suggest_int`."""
        return self._trial.suggest_int(f"{self._learner}.{name}", low, high, step=step, log=log)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """See `optuna.Trial.suggest_categorical`."""
        return self._trial.suggest_categorical(f"{self._learner}.{name}", choices)


def run_trial(
    problem: Problem,
    number: int,
    known: Sequence[FrozenTrial],
    *,
    is_over: Callable[[], bool],
    learners: Mapping[str, Learner] = LEARNERS,
) -> FrozenTrial | None:
    """Run the trial of that number, finished as complete or pruned; None where time ran out in the middle of it.

    ``known`` are earlier trials, in the order of their numbers.
    """
    sampler = optuna.samplers.TPESampler(
        seed=int(np.random.SeedSequence([problem.seed, number]).generate_state(1)[0]),
        n_startup_trials=_STARTUP_TRIALS,
        multivariate=False,  # which parameters there are depends on the algorithm
    )
    study = optuna.create_study(sampler=sampler, pruner=LikeWithLike())
    study.add_trials(known)
    if 0 < number <= len(problem.algorithms):  # each once, before anything is preferred
        study.enqueue_trial({ALGORITHM: problem.algorithms[number - 1]})
    trial = study.ask()
    candidate = problem.given if number == 0 else _propose(trial, problem, learners)
    trial.set_user_attr(NUMBER, number)
    trial.set_user_attr(ALGORITHM, candidate.algorithm)
    trial.set_user_attr(PARAMS, dict(candidate.params))
    learner = prepared(learners[candidate.algorithm], problem.preparation, problem.names)
    try:
        with threadpool_limits(limits=1):  # for the bits, and because the cores have trials of their own
            score = _cross_validate(trial, problem, candidate, learner, is_over)
    except OutOfTimeError:
        return None
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED)
    trial.set_user_attr(SCORE, score)
    return study.tell(trial, metric_of(problem.task, problem.metric).loss(score))


def _propose(trial: optuna.Trial, problem: Problem, learners: Mapping[str, Learner]) -> Candidate:
    """Of the algorithm that is stated, what its inputs are stays as it is stated."""
    algorithm = str(trial.suggest_categorical(ALGORITHM, problem.algorithms))
    names: Trial = OwnNames(trial, algorithm)
    learner, stated = learners[algorithm], problem.given
    kept = of_inputs(learner, stated.params) if stated.algorithm == algorithm else {}
    return Candidate(algorithm, {**kept, **learner.space(names, problem.task)})


def _cross_validate(
    trial: optuna.Trial, problem: Problem, candidate: Candidate, learner: Learner, is_over: Callable[[], bool]
) -> float:
    """Mean score of the folds; TrialPruned once it is not worth more of them."""
    metric, scores = metric_of(problem.task, problem.metric), list[float]()
    for number, fold in enumerate(problem.folds):
        if is_over():
            raise OutOfTimeError

        def report(step: int, loss: float, *, is_first: bool = number == 0) -> None:
            if is_over():
                raise OutOfTimeError
            if is_first and step and step % _REPORTED_EVERY == 0:
                _report(trial, within_first_fold(step), loss)

        scores.append(_score_fold(problem, candidate, learner, fold, report))
        _report(trial, after_fold(number), metric.loss(float(np.mean(scores))))
    return float(np.mean(scores))


def _report(trial: optuna.Trial, step: int, loss: float) -> None:
    if not np.isfinite(loss):
        raise optuna.TrialPruned
    trial.report(loss, step)
    if trial.should_prune():
        raise optuna.TrialPruned


def _score_fold(
    problem: Problem, candidate: Candidate, learner: Learner, fold: Split, report: Callable[[int, float], None]
) -> float:
    rows, labels, weights = problem.rows, problem.labels, problem.weights
    earlier, later = fold.earlier, fold.later
    earlier_weights, later_weights = (None, None) if weights is None else (weights[earlier], weights[later])
    sample = Sample(rows[earlier], labels[earlier], problem.task, problem.n_classes, earlier_weights)
    validation = Validation(rows[later], labels[later], later_weights, report)
    learned = learner.fit(sample, candidate.params, seed=problem.seed, validation=validation)
    raws = learned.raw(rows[later])
    if not np.isfinite(raws).all():
        return float("nan")
    scores = to_scores(learned.link, raws)
    return metric_of(problem.task, problem.metric).measure(
        labels[later], scores if scores.shape[1] > 1 else scores[:, 0], later_weights
    )
