"""The supervisor's lock and its word to others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.leftovers import end_leftovers, same_process
from deploy.stack_file import ProcessInfo, StackFile, StackLock, is_supervised, read_stack, remove_stack, write_stack
from features.errors import UnavailableError
from features.settings import load_settings
from tests.waiting import wait_until


def test_one_supervisor_a_state_folder(tmp_path: Path) -> None:
    """The second is refused; the lock goes with the process that held it, however that ended."""
    assert not is_supervised(tmp_path)
    hold = "with StackLock(Path(sys.argv[1])):\n  print('held', flush=True)\n  time.sleep(600)"
    code = f"import sys, time; from pathlib import Path; from deploy.stack_file import StackLock\n{hold}"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_supervised(tmp_path)
        with pytest.raises(UnavailableError, match="another supervisor"), StackLock(tmp_path):
            pass
        holder.kill()
    wait_until(lambda: not is_supervised(tmp_path))


def info(pid: int, created_at: float) -> ProcessInfo:
    return ProcessInfo(pid=pid, created_at=created_at, address=None, restarts=0, log="x.log")


def test_what_a_killed_supervisor_left_is_ended(tmp_path: Path) -> None:
    """By process id and time of birth: a stranger that got the id since is left alone."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        subprocess.Popen(command, start_new_session=True) as ours,
        subprocess.Popen(command, start_new_session=True) as stranger,
    ):
        processes = {
            "ours": info(ours.pid, psutil.Process(ours.pid).create_time()),
            "stranger": info(stranger.pid, psutil.Process(stranger.pid).create_time() - 1_000),
        }
        write_stack(tmp_path, StackFile(project="p", pid=1, state="up", processes=processes))
        ended = end_leftovers(tmp_path)
        assert not psutil.pid_exists(ours.pid)
        alive = stranger.poll() is None
        stranger.kill()
        assert alive
        assert ended == ["ours"]
        assert same_process(processes["stranger"]) is None
    assert end_leftovers(tmp_path) == []


def test_a_running_stack_tells_every_process_its_addresses(tmp_path: Path) -> None:
    """`load_settings` reads them; once the file is gone the defaults hold again."""
    state_dir = tmp_path / "shop"
    state_dir.mkdir()
    write_stack(state_dir, StackFile(project="shop", pid=1, state="up", settings={"scorer": {"port": 12_345}}))
    assert load_settings(project="shop", var=tmp_path).scorer.port == 12_345
    assert load_settings(project="other", var=tmp_path).scorer.port == 50_051
    remove_stack(state_dir)
    assert load_settings(project="shop", var=tmp_path).scorer.port == 50_051


def test_a_file_that_is_no_word_is_none(tmp_path: Path) -> None:
    """Half a file of another version does not keep a stack from starting."""
    (tmp_path / "stack.json").write_text('{"project": "p"')
    assert read_stack(tmp_path) is None
