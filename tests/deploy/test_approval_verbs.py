"""From a training to production by the command line, with a key for each person; and who is not let through."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.command_line import make_app
from deploy.demo.run import require_policy
from deploy.servers import MlflowServer
from features.errors import DomainError
from offline_training.registry import Registry
from tests.offline_training.small_domain import SmallDomain, small_domain

Run = Callable[..., Any]


def call(*words: str) -> tuple[int, Any]:
    """Exit code and answer, or error, of one command."""
    result = CliRunner().invoke(make_app(), [*words, "--json"])
    answer = json.loads(result.stdout.splitlines()[-1])
    return result.exit_code, answer["error"]["message"] if "error" in answer else answer


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Public keys of ben and ann; the private ones are files of their names."""
    made = {name: call("signer", name, "--key", str(tmp_path / name))[1] for name in ("ben", "ann")}
    return {name: answer["key"] for name, answer in made.items()}


@pytest.fixture
def small(tmp_path: Path, keys: dict[str, str]) -> SmallDomain:
    """A domain in which ann approves."""
    return small_domain(tmp_path, people=keys, approval="human", approvers=["ann"])


@pytest.fixture
def run(mlflow_server: MlflowServer, small: SmallDomain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in the hands of somebody, or of nobody with a key."""
    from mlflow import MlflowClient

    client: Any = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    if client.search_registered_models("name = 'standstill'"):
        client.delete_registered_model("standstill")
    monkeypatch.setenv("MILLSTREAM_VAR", str(small.settings.var))
    monkeypatch.setenv("MILLSTREAM_REPO", str(small.domain.repo))
    monkeypatch.setenv("MILLSTREAM_REGISTRY__URI", mlflow_server.uri)

    def as_somebody(who: str, *words: str) -> tuple[int, Any]:
        if who:
            monkeypatch.setenv("MILLSTREAM_APPROVAL__KEY", str(tmp_path / who))
        else:
            monkeypatch.delenv("MILLSTREAM_APPROVAL__KEY", raising=False)
        return call(*words)

    return as_somebody


@pytest.mark.servers
def test_a_version_goes_from_its_trainer_by_its_approver_into_production(run: Run) -> None:
    """Nobody's word is taken for who they are; all of it is in the log, and the log holds together."""
    assert run("", "train")[0] == 2
    code, trained = run("ben", "train")
    assert (code, trained["stage"], trained["promoted"]) == (0, "pending_review", False)
    code, problem = run("ben", "promote", "standstill", trained["version"])
    assert (code, problem) == (
        2,
        "VERSION: standstill 1 is pending_review, so it is no champion; millstream models approve standstill 1",
    )
    for somebody in ("", "ben"):
        code, problem = run(somebody, "models", "approve", "1")
        assert code == 2
        assert "does not act as an approver of standstill; MILLSTREAM_APPROVAL__KEY has to name" in problem
    assert run("ann", "models", "approve", "standstill", "1", "--reason", "looks right")[0] == 0
    assert run("ben", "promote", "standstill", "1")[1]["arms"] == {"champion": "1"}
    (version,) = run("", "models")[1]["models"]
    assert (version["approval_status"], version["developer"], version["approved_by"]) == ("production", "ben", "ann")
    assert version["performance_metrics"]["accuracy"] == pytest.approx(trained["test"]["accuracy"])
    code, audit = run("", "models", "audit")
    assert (code, audit["entries"], audit["signatures"], audit["findings"]) == (0, 4, 2, [])


@pytest.mark.servers
def test_a_version_is_rejected_with_a_reason(run: Run, mlflow_server: MlflowServer) -> None:
    """And is promoted by nobody; a registry that says something else ends the audit with code 4."""
    run("ben", "train")
    assert "say why" in run("ann", "models", "reject", "1")[1]
    assert "see `millstream models`" in run("ann", "models", "reject")[1]
    assert run("ann", "models", "reject", "1", "--reason", "too young")[1]["approval_status"] == "rejected"
    assert "1 is rejected, so it is no champion" in run("ann", "promote", "standstill", "1")[1]
    Registry(mlflow_server.uri).tag("standstill", "1", {"approval_status": "approved"})
    code, audit = run("", "models", "audit")
    assert code == 4
    assert audit["findings"] == [
        "standstill 1 has the approval_status 'approved' in the registry, the log says 'rejected'"
    ]


def test_a_demo_waits_for_no_approver(small: SmallDomain) -> None:
    """It says so before it begins."""
    with pytest.raises(DomainError, match="approval: is human, and a demo waits for nobody"):
        require_policy(small.domain)
