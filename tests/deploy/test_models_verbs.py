"""Promote, rollback, and the actions of `millstream models`, against a real registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.command_line import make_app
from deploy.servers import MlflowServer
from deploy.shares import parse_share
from features.errors import RequestError
from tests.offline_training.comparison.test_compare import record, write
from tests.offline_training.small_domain import small_domain

Run = Callable[..., Any]


@pytest.fixture
def run(mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on a domain whose model has three versions; what it answers, or its error."""
    from mlflow import MlflowClient

    small = small_domain(tmp_path)
    client: Any = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    if client.search_registered_models("name = 'standstill'"):
        client.delete_registered_model("standstill")
    client.create_registered_model("standstill", tags={"project": "machines"})
    mlflow_run = client.create_run("0")
    for _ in range(3):
        tags = {"digest": "d", "approval_status": "approved"}
        client.create_model_version("standstill", mlflow_run.info.artifact_uri, mlflow_run.info.run_id, tags=tags)
    records = [record(f"m{number}", 24, "champion" if number % 2 else "challenger") for number in range(60)]
    write(small, [msgspec.json.encode(each) for each in records])
    monkeypatch.setenv("MILLSTREAM_VAR", str(small.settings.var))
    monkeypatch.setenv("MILLSTREAM_REGISTRY__URI", mlflow_server.uri)

    def call(*words: str) -> Any:
        result = CliRunner().invoke(make_app(), [*words, "--repo", str(small.domain.repo), "--json"])
        answer = json.loads(result.stdout.splitlines()[-1])
        return answer["error"]["message"] if result.exit_code else answer

    return call


@pytest.mark.servers
def test_an_experiment_from_its_beginning_to_its_end(run: Run) -> None:
    """A challenger gets a share, is compared, promoted, and rolled back: one command each."""
    assert run("promote", "standstill", "1")["arms"] == {"champion": "1"}
    assert run("promote", "standstill", "2", "--arm", "challenger")["arms"] == {"champion": "1", "challenger": "2"}
    routing = run("models", "route", "standstill", "--challenger", "20%", "--by", "machine")["routing"]
    assert (routing["challenger"], routing["by"]) == (0.2, ["machine"])
    assert run("models")["serving"]["standstill"]["routing"] == routing
    compared = run("models", "compare")
    assert compared["experiment"]["units"] == {
        arm: sum(each["outcomes"] for each in compared["arms"] if each["arm"] == arm)
        for arm in ("champion", "challenger")
    }
    assert -1 < compared["experiment"]["lift"]["difference"]["low"] < 1
    promoted = run("promote")
    assert (promoted["arms"], promoted["routing"]["challenger"]) == ({"champion": "2"}, 0.0)
    assert run("rollback")["arms"] == {"champion": "1"}
    run("promote", "standstill", "3", "--arm", "shadow")
    assert run("models", "route", "--shadow", "0.1")["routing"]["shadow"] == 0.1
    assert run("models", "retire", "--arm", "shadow")["arms"] == {"champion": "1"}


@pytest.mark.servers
def test_what_makes_no_sense_is_said(run: Run) -> None:
    """Where, what and what to do, before anything is changed."""
    assert "'mend' is no action" in run("models", "mend")
    assert "--since: models route takes no such thing" in run("models", "route", "--since", "2024-01-01")
    assert "'lots' is no share" in run("models", "route", "--challenger", "lots")
    assert "they are machine" in run("models", "route", "--by", "customer")
    assert "'canary' is no arm" in run("promote", "standstill", "1", "--arm", "canary")
    assert "say challenger or shadow" in run("models", "retire")
    assert "has no model 'churn'" in run("rollback", "churn")
    assert "whole number and a unit" in run("models", "compare", "--within", "soon")


@pytest.mark.parametrize("text", ["101%", "-1%", "20%%", "", "nan", "0.2 %x", "20"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """Twenty alone might mean twenty percent: it is asked again."""
    with pytest.raises(RequestError, match="is no share"):
        parse_share("--challenger", text)
