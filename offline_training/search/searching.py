"""The search: trials until there are enough or time is up, several at once, each kept as it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import NamedTuple

from optuna.trial import FrozenTrial

from offline_training.search.journal import Journal
from offline_training.search.problem import Problem
from offline_training.search.workers import OpenWorkers, Submit, open_processes


class Budget(NamedTuple):
    """What a search may use: at most so many trials, and seconds in all (infinite: any), so many of them at once."""

    trials: int
    seconds: float
    at_once: int


def run_search(
    problem: Problem,
    budget: Budget,
    journal: Journal,
    *,
    open_workers: OpenWorkers = open_processes,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Run what is left of a search; what the journal holds is not run again.

    Trial ``n`` knows the trials to ``n - in_flight`` and waits for all of them. So within a budget of trials the
    outcome is the same however many processes there are, and wherever the search was killed.
    """
    advance(len(journal.trials))
    left_s = budget.seconds - spent_s(list(journal.trials.values()))
    n_left = budget.trials - len(journal.trials)
    if journal.is_over:
        return
    if left_s > 0 and n_left > 0:
        until_s = time.time() + left_s
        n_workers = min(budget.at_once, problem.in_flight, n_left)
        with open_workers(problem, n_workers, until_s) as submit:
            _run_trials(problem, budget, journal, submit, n_workers, until_s, advance)
    journal.close()


def _run_trials(
    problem: Problem,
    budget: Budget,
    journal: Journal,
    submit: Submit,
    n_workers: int,
    until_s: float,
    advance: Callable[[int], None],
) -> None:
    running: dict[Future[FrozenTrial | None], int] = {}
    while True:
        while len(running) < n_workers and time.time() < until_s:
            number = _next(problem, budget, journal.trials, running.values())
            if number is None:
                break
            running[submit(number, _known(problem, journal.trials, number))] = number
        if not running:
            return
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=running.__getitem__):
            del running[future]
            trial = future.result()
            if trial is not None:
                journal.add(trial)
                advance(1)


def _next(problem: Problem, budget: Budget, done: Mapping[int, FrozenTrial], running: Collection[int]) -> int | None:
    """Number of the next trial; None where there is none, or one that it must know has not ended."""
    number = next((n for n in range(budget.trials) if n not in done and n not in running), None)
    if number is None or any(n not in done for n in range(number - problem.in_flight + 1)):
        return None
    return number


def _known(problem: Problem, done: Mapping[int, FrozenTrial], number: int) -> list[FrozenTrial]:
    return [done[n] for n in range(number - problem.in_flight + 1)]


def spent_s(trials: Sequence[FrozenTrial]) -> float:
    """Seconds in which at least one of these trials ran."""
    spans = sorted(
        (trial.datetime_start, trial.datetime_complete)
        for trial in trials
        if trial.datetime_start is not None and trial.datetime_complete is not None
    )
    spent, until = 0.0, None
    for start, end in spans:
        begin = start if until is None else max(start, until)
        if end > begin:
            spent += (end - begin).total_seconds()
            until = end
    return spent
