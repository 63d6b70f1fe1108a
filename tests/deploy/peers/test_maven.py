"""Java peers are built once, and say what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.peers import maven
from features.errors import UnavailableError


def test_without_maven_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the bench can list the peer with the reason; nothing is left behind."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(UnavailableError, match=r"needs java on PATH; run `make servers`"):
        maven.build("a peer", tmp_path, "flink.xml")
    assert not list(tmp_path.iterdir())


def test_every_project_names_its_sources() -> None:
    """Each project file compiles folders that exist, and pins each of its versions."""
    projects = sorted(maven.SOURCES.glob("*.xml"))
    assert [project.stem for project in projects] == ["flink", "kafka-streams"]
    for project in projects:
        text = project.read_text()
        folders = [line.split("/**")[0].split(">")[1] for line in text.splitlines() if "<include>" in line]
        assert all(list((maven.SOURCES / "src" / folder).glob("*.java")) for folder in folders)
        assert text.count("<artifactId>") == text.count("<version>")
