"""The command line: help, the contract of ``--json``, exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.command_line import make_app
from deploy.exit_codes import FAMILIES, MEANINGS, ExitCode, StepFailedError, exit_code_of
from deploy.invocation import Invocation, Outcome, register
from deploy.reference_pages import all_errors
from features import errors

VERBS = [
    *("up", "down", "status", "doctor", "demo", "init", "new", "apply", "adopt", "replay"),
    *("worker", "scorer", "train"),
    *("models", "promote", "rollback", "score", "features", "backfill", "rollout", "verify", "dead-letters", "forget"),
    *("monitor", "bench", "key", "signer", "validate", "challenge"),
]
HEAVY = ("feast", "mlflow", "numpy", "pandas", "pyarrow", "grpc", "confluent_kafka", "msgspec", "pydantic", "structlog")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    """It says what the verb does and names the options that all verbs take."""
    result = CliRunner().invoke(make_app(), [verb, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    for option in ("--repo", "--json", "--help"):
        assert option in result.output


def test_the_verbs_are_those_of_the_map() -> None:
    """None missing, none that is a stub for later."""
    assert sorted(typer.main.get_command(make_app()).commands) == sorted(VERBS)  # type: ignore[attr-defined]


def test_help_loads_nothing_heavy() -> None:
    """`millstream --help` answers at once because rooms are imported when a verb is called."""
    code = f"import sys; from deploy.command_line import make_app; make_app(); print(set({HEAVY!r}) & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.strip() == "set()"


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "millstream", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={
            "MILLSTREAM_VAR": str(tmp_path / "var"),
            "MILLSTREAM_REGISTRY__URI": "http://127.0.0.1:1",  # where nothing listens
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
        },
    )


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("--repo", "no/such/folder", "status"), ExitCode.BAD_INPUT, "DomainError"),
        (("score", "--customer", "1"), ExitCode.BAD_INPUT, "DomainError"),
        (("bench", "nothing"), ExitCode.BAD_INPUT, "RequestError"),
        (("bench", "stream", "--seed", "1"), ExitCode.BAD_INPUT, "RequestError"),
        (("bench", "backfill", "--peers"), ExitCode.BAD_INPUT, "RequestError"),
        (("bench", "faults", "--minutes", "0"), ExitCode.BAD_INPUT, "RequestError"),
        (("models", "list"), ExitCode.UNAVAILABLE, "RegistryUnavailableError"),
        (("status",), ExitCode.UNAVAILABLE, None),
        (("down",), ExitCode.OK, None),
    ],
)
def test_json_is_one_object_on_the_last_line(
    tmp_path: Path, arguments: tuple[str, ...], code: ExitCode, kind: str | None
) -> None:
    """Also when the verb fails: stdout holds that line alone, stderr one line for people and no traceback."""
    env_free = ("--json", *arguments)
    done = run(tmp_path, *env_free)
    assert done.returncode == code, done.stderr
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert "Traceback" not in done.stderr
    if kind is None:
        assert "error" not in answer
    else:
        assert answer["error"]["kind"] == kind
        assert answer["error"]["exit_code"] == code
        assert done.stderr.strip().splitlines()[-1] == f"millstream: {answer['error']['message']}"


def test_usage_errors_are_bad_input(tmp_path: Path) -> None:
    """An option that there is not ends with the code of bad input."""
    assert run(tmp_path, "status", "--no-such-option").returncode == ExitCode.BAD_INPUT


def test_options_may_stand_before_or_after_the_verb() -> None:
    """`--repo` and `--json` mean the same in both places."""
    app = typer.Typer()
    app.callback()(lambda: None)
    seen: list[tuple[Path, bool]] = []

    def look(call: Invocation) -> Outcome:
        seen.append((call.base_settings.repo, call.as_json))
        return Outcome({"a": 1}, "text")

    from deploy.command_line import common

    app.callback()(common)
    register(app, "look", look)
    for arguments in (["--repo", "x", "--json", "look"], ["look", "--repo", "x", "--json"]):
        result = CliRunner().invoke(app, arguments)
        assert result.output.splitlines()[-1] == '{"a":1}'
    assert seen == [(Path("x"), True)] * 2


@pytest.mark.parametrize("error", all_errors())
def test_every_family_has_its_exit_code(error: type[errors.MillstreamError]) -> None:
    """The table is about families, so that an error made later has a code at once."""
    expected = next((code for family, code in FAMILIES if issubclass(error, family)), ExitCode.INTERNAL)
    assert exit_code_of(error.__new__(error)) is expected
    assert (expected is ExitCode.INTERNAL) == (error is errors.MillstreamError)


def test_every_exit_code_is_explained() -> None:
    """The documents are made from this table."""
    assert set(MEANINGS) == set(ExitCode)


def test_a_step_keeps_its_exit_code() -> None:
    """What a child process found out is not lost on the way; a code of nobody's is a defect."""
    assert exit_code_of(StepFailedError("x", 2)) is ExitCode.BAD_INPUT
    assert exit_code_of(StepFailedError("x", -9)) is ExitCode.INTERNAL


def test_a_defect_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody meant says how to see more, and shows it when asked."""
    monkeypatch.delenv("MILLSTREAM_LOG__LEVEL", raising=False)
    stderr = io.StringIO()
    call = Invocation(repo=None, as_json=False, stdout=io.StringIO(), stderr=stderr)
    assert call.refuse(ZeroDivisionError("by zero")) is ExitCode.INTERNAL
    assert stderr.getvalue().count("\n") == 1
    monkeypatch.setenv("MILLSTREAM_LOG__LEVEL", "debug")
    call.refuse(ZeroDivisionError("by zero"))
    assert "ZeroDivisionError" in stderr.getvalue()
