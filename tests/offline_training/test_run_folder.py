"""The folder of a run: the same for the same training, one process at a time."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from features.errors import UnavailableError
from offline_training.run_folder import KEPT_RUNS, RUN_FILE, open_run

IDENTITY = {"data_fingerprint": "ab", "spec": {"seed": 1}, "quick": False}


def test_the_same_training_finds_its_folder(tmp_path: Path) -> None:
    """By all that decides its outcome, in whatever order it is told; a change of any of it is another run."""
    with open_run(tmp_path, "m", IDENTITY) as run:
        (run.reports / "kept").touch()
    with open_run(tmp_path, "m", dict(reversed(IDENTITY.items()))) as again:
        assert again == run
        assert (again.reports / "kept").exists()
    with open_run(tmp_path, "m", {**IDENTITY, "spec": {"seed": 2}}) as other:
        assert other != run
    assert run.path == tmp_path / "runs" / "m" / run.name
    assert len(run.name) == 12
    assert json.loads((run.path / RUN_FILE).read_text()) == IDENTITY


def test_two_at_once_would_write_over_each_other(tmp_path: Path) -> None:
    """The second is refused, and may come once the first is over."""
    with (
        open_run(tmp_path, "m", IDENTITY),
        pytest.raises(UnavailableError, match="wait for it"),
        open_run(tmp_path, "m", IDENTITY),
    ):
        pass
    with open_run(tmp_path, "m", IDENTITY):
        pass


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    """All but the newest, and but one that somebody is at."""
    with open_run(tmp_path, "m", {"n": 0}) as first:
        os.utime(first.path / RUN_FILE, (0, 0))
        for n in range(1, KEPT_RUNS + 3):
            with open_run(tmp_path, "m", {"n": n}) as run:
                pass
            os.utime(run.path / RUN_FILE, (n, n))
        left = {path.name for path in run.path.parent.iterdir()}
        assert {first.name, run.name} < left
        assert len(left) == KEPT_RUNS + 1
    with open_run(tmp_path, "m", {"n": -1}):
        assert not first.path.exists()
