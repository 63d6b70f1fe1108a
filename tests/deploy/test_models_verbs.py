"""Promote, rollback, and the actions of `millstream models`, against a real registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from deploy.command_line import make_app
from deploy.servers import MlflowServer
from deploy.shares import parse_share
from features.errors import RequestError
from features.nouns import ScoreRecord
from features.routing import Arm
from tests.offline_training.comparison.test_compare import record, write
from tests.offline_training.small_domain import PARTS_TO_COME, SmallDomain, small_domain

Run = Callable[..., Any]


def command_line(
    uri: str, small: SmallDomain, records: list[ScoreRecord], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """The command line on a domain whose model has three versions, some of which have scored."""
    from mlflow import MlflowClient

    client: Any = MlflowClient(uri, uri)
    if client.search_registered_models("name = 'standstill'"):
        client.delete_registered_model("standstill")
    client.create_registered_model("standstill", tags={"project": "machines"})
    mlflow_run = client.create_run("0")
    for _ in range(3):
        tags = {"digest": "d", "approval_status": "approved"}
        client.create_model_version("standstill", mlflow_run.info.artifact_uri, mlflow_run.info.run_id, tags=tags)
    write(small, [msgspec.json.encode(each) for each in records])
    monkeypatch.setenv("MILLSTREAM_VAR", str(small.settings.var))
    monkeypatch.setenv("MILLSTREAM_REGISTRY__URI", uri)
    return lambda *words: CliRunner().invoke(make_app(), [*words, "--repo", str(small.domain.repo)])


@pytest.fixture
def run(mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What a command answers, or its error."""
    records = [record(f"m{number}", 24, "champion" if number % 2 else "challenger") for number in range(60)]
    asked = command_line(mlflow_server.uri, small_domain(tmp_path), records, monkeypatch)

    def call(*words: str) -> Any:
        result = asked(*words, "--json")
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
def test_arms_that_predict_values_are_compared(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By means and squared errors, for programs and for people."""
    small = small_domain(tmp_path, machines=300, labels=PARTS_TO_COME, task="regression", decision=None)
    arms: tuple[Arm, Arm] = ("champion", "challenger")
    answers = [record(f"m{n}", 24, arms[n % 2], str(1 + n % 2), 30.0 + n % 50, decision="") for n in range(300)]
    shadows = [msgspec.structs.replace(each, arm="shadow", version="3", score=0.0) for each in answers]
    run = command_line(mlflow_server.uri, small, [*answers, *shadows], monkeypatch)
    result = run("models", "compare", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout.splitlines()[-1])
    assert set(report["arms"][0]["quality"]) == {"outcome_mean", "rmse", "mae", "bias", "r2"}
    lift, means = report["experiment"]["lift"], report["experiment"]["outcome_means"]
    difference = lift["difference"]
    assert difference["value"] == pytest.approx(means["challenger"] - means["champion"])
    assert difference["low"] < 0 < difference["high"]
    assert 0 < lift["p_value"] <= 1
    assert report["shadow"]["outcomes"] == sum(report["experiment"]["units"].values())
    lines = run("models", "compare").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")] == [
        "champion", "challenger", "shadow", "lift", "shadow"
    ]  # fmt: skip
    assert "    RMSE " in "\n".join(lines)


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
