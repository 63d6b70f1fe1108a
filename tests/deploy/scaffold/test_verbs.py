"""``millstream new`` and ``init`` as people call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.command_line import make_app
from deploy.scaffold import CHARTER
from features.domain import load_domain
from features.errors import DomainError


def test_flags_win_over_the_environment_and_nobody_is_asked_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer names the files, the model and what comes next."""
    for name, value in (("REQUIREMENTS", "Keep them"), ("MODEL_TYPE", "regression"), ("DEPLOYMENT_TYPE", "edge")):
        monkeypatch.setenv(name, value)
    said = ["new", str(tmp_path / "shop"), "--deployment-type", "batch", "--json"]
    done = CliRunner().invoke(make_app(), said)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 0
    assert answer["model"] in load_domain(tmp_path / "shop").models
    assert str(tmp_path / "shop" / CHARTER) in answer["files"]
    assert [step for step in answer["next"] if "millstream signer NAME --key FILE" in step]
    refused = CliRunner().invoke(make_app(), ["new", str(tmp_path / "other"), "--json"])
    assert json.loads(refused.stdout.splitlines()[-1])["error"]["kind"] == DomainError.__name__


def test_init_is_new_with_nothing_asked_for_a_demonstration(tmp_path: Path) -> None:
    """The same files and texts, but for who approves."""
    for verb in ("init", "new"):
        assert CliRunner().invoke(make_app(), [verb, str(tmp_path / verb / "shop")]).exit_code == 0
    made = {
        verb: {path.relative_to(tmp_path / verb): path.read_text() for path in (tmp_path / verb).rglob("*.*")}
        for verb in ("init", "new")
    }
    assert made["init"].keys() == made["new"].keys()
    different = {path.name for path, text in made["init"].items() if text != made["new"][path]}
    assert different == {"model.yaml", "README.md", "ml-project-charter.md", "ml-system-design.yaml"}


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="has no terminals")
def test_on_a_terminal_it_asks_for_what_is_not_given(tmp_path: Path) -> None:
    """A real one; an empty answer is the default."""
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, b"Keep those who leave\n\n\n")
        done = subprocess.run(
            [sys.executable, "-m", "millstream", "new", str(tmp_path / "shop"), "--model-type", "regression"],
            stdin=terminal,
            stderr=terminal,
            stdout=subprocess.PIPE,
            text=True,
            timeout=100,
            check=True,
        )
        shown = os.read(keyboard, 10_000).decode()
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert "What is it for" in shown
    assert "Kind of model" not in shown
    assert f"made {tmp_path / 'shop'}:" in done.stdout
    _, spec = load_domain(tmp_path / "shop").model(None)
    assert (spec.task, spec.card.intended_use) == ("regression", "Keep those who leave")
