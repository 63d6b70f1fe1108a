"""Where trials run: in this process, or in several that know nothing but the problem."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing.connection import wait
from threading import Thread
from typing import TypeAlias

import optuna
from optuna.trial import FrozenTrial

from features.errors import UnavailableError
from offline_training.search.problem import Problem
from offline_training.search.trial import run_trial

Submit: TypeAlias = Callable[[int, Sequence[FrozenTrial]], "Future[FrozenTrial | None]"]
"""Have the trial of a number run, given those that it may know."""


OpenWorkers: TypeAlias = Callable[[Problem, int, float], AbstractContextManager[Submit]]
"""Have a problem's trials run, so many at once; after an instant of the wall clock they give up what they are at."""


@contextmanager
def open_processes(problem: Problem, n: int, until_s: float) -> Iterator[Submit]:
    """``n`` processes, or with 1 this one; see `OpenWorkers`. UnavailableError where one of them is killed."""
    if n == 1:
        yield partial(_run_here, problem, until_s)
        return
    spawn = multiprocessing.get_context("spawn")  # this process has threads, which a fork would not survive
    with ProcessPoolExecutor(n, spawn, _begin, (problem,)) as pool:

        def submit(number: int, known: Sequence[FrozenTrial]) -> Future[FrozenTrial | None]:
            return pool.submit(_run_in_process, until_s, number, known)

        try:
            yield submit
        except BrokenProcessPool as error:
            remedy = "lower in_flight or max_rows, or start it again: it goes on behind the trials that had ended"
            raise UnavailableError("search", f"a process of it was killed, most often for memory; {remedy}") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run_here(
    problem: Problem, until_s: float, number: int, known: Sequence[FrozenTrial]
) -> Future[FrozenTrial | None]:
    future: Future[FrozenTrial | None] = Future()
    future.set_result(run_until(problem, until_s, number, known))
    return future


_problem: Problem | None = None
"""That of a worker process, sent once."""


def _begin(problem: Problem) -> None:
    global _problem
    _problem = problem
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's process whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _run_in_process(until_s: float, number: int, known: Sequence[FrozenTrial]) -> FrozenTrial | None:
    assert _problem is not None
    return run_until(_problem, until_s, number, known)


def run_until(problem: Problem, until_s: float, number: int, known: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Run a trial; None where that instant came before its end."""
    return run_trial(problem, number, known, is_over=lambda: time.time() >= until_s)
