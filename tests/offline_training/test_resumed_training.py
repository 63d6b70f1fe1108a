"""A training with a search, killed and started again: the same model as one that nobody killed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.servers import MlflowServer
from features.bundle import read_bundle
from features.clock import FrozenClock
from grpc_api.mlflow_registry import MlflowRegistry
from offline_training.report import TrainingReport
from offline_training.search.journal import Journal
from offline_training.training import train
from tests.offline_training.small_domain import SmallDomain, small_domain
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SEARCH: dict[str, Any] = {"algorithms": ["lightgbm"], "trials": 10, "folds": 2, "in_flight": 2}
DEADLINE_S = 90.0
AT_US = 1_782_864_000_000_000


def domain_in(folder: Path, **model: Any) -> SmallDomain:
    """The small domain with a search."""
    folder.mkdir()
    return small_domain(folder, search=SEARCH, **model)


def trained(small: SmallDomain, uri: str, **options: Any) -> TrainingReport:
    """A training to its end, in this process, at one time: the card says when."""
    return train(small.settings, small.plan, small.domain, registry_uri=uri, clock=FrozenClock(AT_US), **options)


def files_of(report: TrainingReport, uri: str, folder: Path) -> dict[str, str]:
    """Digests of the files of its bundle."""
    folder.mkdir()
    return dict(read_bundle(MlflowRegistry(uri).download(report.model, report.version, folder)).manifest.files)


def journals(small: SmallDomain) -> list[Path]:
    """Of all runs of the domain's model."""
    return sorted((small.settings.state_dir("machines") / "runs" / "standstill").glob("*/search.journal"))


def times(small: SmallDomain) -> dict[int, datetime | None]:
    """When each trial of its only run began."""
    (path,) = journals(small)
    return {number: trial.datetime_start for number, trial in Journal(path).trials.items()}


@pytest.mark.faults
def test_a_killed_training_goes_on_where_it_was(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """With -9, in its search: no trial is run again, and every file of the bundle has the same bytes."""
    uri = mlflow_server.uri
    killed, whole = domain_in(tmp_path / "killed"), domain_in(tmp_path / "whole")
    command = [sys.executable, "-m", "offline_training", "--repo", killed.settings.repo, "--var", killed.settings.var]
    environment = os.environ | {"MILLSTREAM_REGISTRY__URI": uri}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: any(path.read_bytes().count(b"\n") > 3 for path in journals(killed)), DEADLINE_S)
        finally:
            process.kill()
    before = times(killed)
    went_on, expected = trained(killed, uri), trained(whole, uri)
    assert len(before) >= 2
    assert before.items() <= times(killed).items()
    assert went_on.search is not None
    assert expected.search is not None
    assert went_on.search.best_params == expected.search.best_params
    assert went_on.params == expected.params
    assert files_of(went_on, uri, tmp_path / "a") == files_of(expected, uri, tmp_path / "b")


def test_a_training_that_is_over_chooses_the_same_again(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """Without a trial; its run in the registry has the search's, and quick or another seed is another run."""
    uri, small = mlflow_server.uri, domain_in(tmp_path / "small")
    first = trained(small, uri)
    began = times(small)
    again = trained(small, uri)
    assert times(small) == began
    assert again.search == first.search
    assert again.params == first.params
    assert files_of(first, uri, tmp_path / "a") == files_of(again, uri, tmp_path / "b")

    assert first.search is not None
    assert f"  {first.search.line()}" in first.lines()
    require_children(uri, first)

    quick = trained(small, uri, quick=True)
    assert quick.search is None
    assert quick.params["num_leaves"] == 4
    assert len(journals(small)) == 1


def require_children(uri: str, report: TrainingReport) -> None:
    """The training's run names the best, and each trial is a child with its parameters, score and times."""
    from mlflow import MlflowClient

    assert report.search is not None
    client = MlflowClient(uri, uri)
    run = client.get_run(report.run_id)
    assert run.data.metrics["best_score"] == pytest.approx(report.search.best_score)
    assert run.data.params["best_model"] == "lightgbm"
    children = client.search_runs(
        [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{report.run_id}'", order_by=["run_name ASC"]
    )
    assert [child.info.run_name for child in children] == [f"trial {n:03}" for n in range(report.search.n_trials)]
    assert children[0].data.params["num_leaves"] == "4"
    assert all(child.info.start_time <= child.info.end_time for child in children)
    ended = [child for child in children if child.info.status == "FINISHED"]
    assert min(child.data.metrics["validation_score"] for child in ended) == pytest.approx(report.search.best_score)
    given_up = [child for child in children if child.info.status == "KILLED"]
    assert len(given_up) == report.search.n_pruned == len(children) - len(ended)
    assert not any("validation_score" in child.data.metrics for child in given_up)
