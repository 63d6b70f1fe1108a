"""`millstream key`: the one place where a key is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.command_line import make_app
from grpc_api.access.api_keys import ApiKeys

FILE = "MILLSTREAM_SCORER__AUTH__API_KEYS"


def test_keys_are_added_to_the_file_that_scorers_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is shown once, holds for its groups, and leaves those before it in force; the file is its owner's."""
    file = tmp_path / "keys"
    monkeypatch.setenv(FILE, str(file))
    made = []
    for arguments in (["key", "till"], ["key", "ops", "--group", "score", "--group", "admin"]):
        result = CliRunner().invoke(make_app(), [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        made.append(json.loads(result.stdout.splitlines()[-1])["key"])
        file.write_bytes(file.read_bytes().rstrip(b"\n"))  # as editors may leave it
    keys = ApiKeys.parse(file.read_bytes())
    assert [keys.caller(one) for one in made] == [("till", {"score"}), ("ops", {"score", "admin"})]
    assert file.stat().st_mode & 0o077 == 0
    assert not any(one.partition(".")[2] in file.read_text() for one in made)


@pytest.mark.parametrize("place", ["", "none/keys"], ids=["a folder", "in a folder that there is not"])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """By the setting that names it, and no key is shown that nobody would know."""
    monkeypatch.setenv(FILE, str(tmp_path / place))
    result = CliRunner().invoke(make_app(), ["key", "till"])
    assert result.exit_code == 2
    assert f"setting {FILE}: {tmp_path / place} cannot be written" in result.stderr
    assert "till." not in result.output


def test_a_group_that_there_is_not_is_refused() -> None:
    """As any wrong option."""
    assert CliRunner().invoke(make_app(), ["key", "till", "--group", "all"]).exit_code == 2
