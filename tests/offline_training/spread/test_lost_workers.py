"""Workers that are killed in the midst of a search or of a fit: the same trials, the same model."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from features.dask_cluster import open_cluster
from features.errors import UnavailableError
from features.settings import DaskSettings
from offline_training.sample import sample_of
from offline_training.search.cluster_workers import open_cluster_workers
from offline_training.search.journal import Journal
from offline_training.search.searching import Budget, run_search
from offline_training.spread import together
from offline_training.spread.lightgbm_fits import SpreadLightGbm
from offline_training.spread.together import LostWorkError, run_together
from tests.offline_training.search.test_searching import real_problem, search_in, told
from tests.offline_training.spread.test_lightgbm_fits import PARAMS, onnx, write_set
from tests.offline_training.test_fitting import _spec
from tests.offline_training.validation.training_sets import honest_set
from tests.waiting import wait_until

if TYPE_CHECKING:
    from distributed import Client

DEADLINE_S = 60.0
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def fragile() -> Iterator[Client]:
    """Two worker processes that may be killed; they are replaced."""
    with open_cluster(DaskSettings(workers=2)) as client:
        yield client


@pytest.fixture
def frail() -> Iterator[Client]:
    """The same for one test, which may leave one of them."""
    with open_cluster(DaskSettings(workers=2)) as client:
        yield client


def kill_one(client: Client) -> None:
    """The first of two, once both are there."""
    pids = wait_until(lambda: pids if len(pids := client.run(os.getpid)) == 2 else None, DEADLINE_S)
    assert pids is not None
    os.kill(next(iter(pids.values())), signal.SIGKILL)


def test_a_search_goes_on_without_a_worker(tmp_path: Path, frail: Client) -> None:
    """Its trial is run by another; all trials are those of a search in one process."""
    here = search_in(tmp_path / "here", real_problem(in_flight=2), 8)
    journal, killed = Journal(tmp_path / "there"), Event()

    def advance(n: int) -> None:
        if n and not killed.is_set():
            killed.set()
            kill_one(frail)

    def open_workers(problem: object, n: int, until_s: float) -> object:
        return open_cluster_workers(frail, problem, n, until_s)

    run_search(real_problem(in_flight=2), Budget(8, math.inf, 2), journal, open_workers=open_workers, advance=advance)
    assert killed.is_set()
    assert told(journal) == told(here)


def test_a_fit_is_made_again(tmp_path: Path, fragile: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while both learn; once the worker is back, the model is the one that nobody disturbed."""
    monkeypatch.setattr(together, "_GRACE_S", 0.5)
    data, spec = honest_set(), _spec()
    learner = SpreadLightGbm(fragile, write_set(tmp_path / "rows", data), spec)
    sample, params = sample_of(spec, data.rows, data.labels), PARAMS | {"num_iterations": 300}

    def both_learn() -> bool:
        return sum(any("_train_part" in key for key in keys) for keys in fragile.processing().values()) == 2

    with ThreadPoolExecutor(1) as pool:
        disturbed = pool.submit(learner.fit, sample, params, seed=3)
        wait_until(both_learn, DEADLINE_S)
        kill_one(fragile)
        assert onnx(disturbed.result(DEADLINE_S)) == onnx(learner.fit(sample, params, seed=3))


def test_workers_that_wait_for_a_dead_one_are_restarted(fragile: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would for ever, and so would the caller."""
    monkeypatch.setattr(together, "_GRACE_S", 0.5)
    attempts = count()

    def work(own: Client, addresses: Sequence[str]) -> list[int]:
        attempt = next(attempts)
        tasks = [
            own.submit(_part, attempt, rank, workers=[address], pure=False) for rank, address in enumerate(addresses)
        ]
        ranks: list[int] = own.gather(tasks)
        return ranks

    assert run_together(fragile, 2, work) == [0, 1]
    assert next(attempts) == 2


def _part(attempt: int, rank: int) -> int:
    if attempt == 0:
        if rank == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        Event().wait()
    return rank


def test_work_that_is_lost_over_and_over_ends(fragile: Client) -> None:
    """With an error of a neighbour, which may be another time; each attempt has new processes."""
    told: list[str] = []

    def work(own: Client, addresses: Sequence[str]) -> None:
        told.extend(addresses)
        raise LostWorkError("a socket broke")

    with pytest.raises(UnavailableError, match=r"dask: workers lost their common work 3 times \(a socket broke\)"):
        run_together(fragile, 2, work)
    assert len(set(told)) == len(told) == 6


def test_workers_that_do_not_come_back_end_it(dask_cluster: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many there are, and how many there were."""
    monkeypatch.setattr(together, "_BACK_WITHIN_S", 0.2)
    with pytest.raises(UnavailableError, match="has 2 workers where the training began with 3"):
        run_together(dask_cluster, 3, lambda own, addresses: None)
