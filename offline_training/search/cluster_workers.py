"""Trials on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial

from features.dask_cluster import hold, named_loss
from offline_training.search.problem import Problem
from offline_training.search.workers import Submit, run_until

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def open_cluster_workers(
    client: Client,
    problem: Problem,
    n: int,  # noqa: ARG001 - the cluster has as many as it has
    until_s: float,
) -> Iterator[Submit]:
    """All that it has, each with the problem, sent once; see `offline_training.search.workers.OpenWorkers`.

    A worker that dies is Dask's to replace: its trial is run again by another, and gives the same. UnavailableError of
    a trial that worker after worker dies of, or where the scheduler went away.
    """
    with named_loss():
        everywhere = hold(client, problem)
    running: set[Any] = set()

    def submit(number: int, known: Sequence[FrozenTrial]) -> Future[FrozenTrial | None]:
        outcome: Future[FrozenTrial | None] = Future()
        task = client.submit(_run_on_worker, everywhere, until_s, number, known, pure=False)
        running.add(task)
        task.add_done_callback(partial(_settle, outcome))
        return outcome

    try:
        yield submit
    finally:
        client.cancel(list(running))


def _run_on_worker(problem: Problem, until_s: float, number: int, known: Sequence[FrozenTrial]) -> FrozenTrial | None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return run_until(problem, until_s, number, known)


def _settle(outcome: Future[FrozenTrial | None], task: Any) -> None:
    try:
        with named_loss():
            outcome.set_result(task.result())
    except BaseException as error:  # it is the caller's, whatever it is
        outcome.set_exception(error)
