"""The account of a search, from its finished trials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from optuna.trial import FrozenTrial, TrialState

from offline_training.search.outcome import SearchReport, SearchSummary, TrialReport
from offline_training.search.problem import Problem
from offline_training.search.pruner import ALGORITHM
from offline_training.search.searching import spent_s
from offline_training.search.trial import NUMBER, PARAMS, SCORE


def report_search(problem: Problem, trials: Sequence[FrozenTrial]) -> SearchReport | None:
    """The account of finished trials, the least loss and then the least number first chosen; None: none has ended."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        return None
    best = min(complete, key=lambda trial: (trial.value, trial.user_attrs[NUMBER]))
    told = [_told(trial) for trial in sorted(trials, key=lambda trial: int(trial.user_attrs[NUMBER]))]
    given = [trial.validation_score for trial in told if trial.number == 0]
    summary = SearchSummary(
        metric=problem.metric,
        folds=len(problem.folds),
        best_model=best.user_attrs[ALGORITHM],
        best_params=best.user_attrs[PARAMS],
        best_score=best.user_attrs[SCORE],
        given_score=given[0] if given else None,
        n_trials=len(told),
        n_pruned=sum(trial.validation_score is None for trial in told),
        seconds=round(spent_s(trials), 3),
    )
    return SearchReport(summary, tuple(told))


def _told(trial: FrozenTrial) -> TrialReport:
    began_at, ended_at = trial.datetime_start, trial.datetime_complete
    assert began_at is not None
    assert ended_at is not None
    return TrialReport(
        number=trial.user_attrs[NUMBER],
        algorithm=trial.user_attrs[ALGORITHM],
        params=trial.user_attrs[PARAMS],
        validation_score=trial.user_attrs.get(SCORE),
        began_at=began_at.astimezone(UTC),
        ended_at=ended_at.astimezone(UTC),
    )
