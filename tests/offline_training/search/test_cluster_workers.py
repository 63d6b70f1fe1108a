"""A search on the workers of a Dask cluster is the search of one process."""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from features.model_file import SearchSpec
from features.progress import no_progress
from offline_training.search.choosing import choose
from offline_training.search.cluster_workers import open_cluster_workers
from offline_training.search.journal import Journal
from offline_training.search.problem import Candidate
from offline_training.search.searching import Budget, run_search
from tests.offline_training.search.problems import small_problem
from tests.offline_training.search.test_searching import real_problem, search_in, told
from tests.offline_training.test_fitting import _dataset, _quiet, _spec

if TYPE_CHECKING:
    from distributed import Client

    from offline_training.search.problem import Problem


def search_there(client: Client, path: Path, problem: Problem, trials: int, seconds: float = math.inf) -> Journal:
    """On the cluster, two trials at once."""
    run_search(problem, Budget(trials, seconds, 2), Journal(path), open_workers=partial(open_cluster_workers, client))
    return Journal(path)


def test_the_same_algorithm_and_parameters_are_chosen(tmp_path: Path, dask_cluster: Client) -> None:
    """With the same score, by `train`'s own way."""
    data, wanted = _dataset(), SearchSpec(algorithms=("lightgbm",), trials=5, folds=2, in_flight=2)
    spec = _spec(params={"num_iterations": 20})
    found = [
        choose(data, spec, wanted, tmp_path / name, say=_quiet, progress=no_progress, processes=1, cluster=cluster)
        for name, cluster in (("here", None), ("there", dask_cluster))
    ]
    assert found[0][0] == found[1][0]
    assert found[0][1] is not None
    assert found[1][1] is not None
    assert found[0][1].summary.best_score == found[1][1].summary.best_score
    assert told(Journal(tmp_path / "here")) == told(Journal(tmp_path / "there"))


def test_a_search_that_was_cut_off_goes_on_there(tmp_path: Path, dask_cluster: Client) -> None:
    """Begun in this process, cut off in the middle of a line, ended on the cluster: its trials are the same."""
    path, problem = tmp_path / "journal", real_problem(in_flight=2)
    whole = told(search_in(path, problem, 8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    kept = len(Journal(path).trials)
    assert 0 < kept < 8
    assert told(search_there(dask_cluster, path, problem, 8)) == whole


def test_time_ends_it_there_too(tmp_path: Path, dask_cluster: Client) -> None:
    """A fit that would take minutes gives up when the time is over."""
    given = Candidate("lightgbm", {"num_iterations": 1_000_000, "num_leaves": 31, "early_stopping_round": 1_000_000})
    began_s = time.monotonic()
    journal = search_there(
        dask_cluster, tmp_path / "journal", small_problem(algorithms=("lightgbm",), given=given), 1, seconds=1.0
    )
    assert not journal.trials
    assert journal.is_over
    assert time.monotonic() - began_s < 60.0


def test_an_error_of_a_trial_is_the_callers(tmp_path: Path, dask_cluster: Client) -> None:
    """As it is, and no other trial is waited for."""
    problem = small_problem(algorithms=("no_such",), given=Candidate("no_such", {}))
    with pytest.raises(KeyError, match="no_such"):
        search_there(dask_cluster, tmp_path / "journal", problem, 2)
