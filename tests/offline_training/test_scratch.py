"""Scratch folders: gone after their block, swept after a kill, left alone while in use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from offline_training.scratch import PREFIX, SUFFIX, scratch_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from offline_training.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "events").mkdir()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    """All of it; what belongs to others stays."""
    (tmp_path / ".rows.kept").mkdir()
    (tmp_path / f"{PREFIX}file{SUFFIX}").touch()
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], timeout=60, check=False)
    assert done.returncode == -9
    (left,) = (path for path in tmp_path.iterdir() if path.is_dir() and path.name.endswith(SUFFIX))
    with scratch_folder(tmp_path) as folder:
        assert folder.is_dir()
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}file{SUFFIX}", ".rows.kept"]


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """Two runs at a time have one each."""
    with scratch_folder(tmp_path) as one, scratch_folder(tmp_path) as other:
        assert one != other
        assert one.is_dir()
        assert other.is_dir()
    assert list(tmp_path.iterdir()) == []
