"""Processes that a supervisor left behind when it was killed."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil

from deploy.server_process import signal_group
from deploy.stack_file import ProcessInfo, read_stack

SAME_PROCESS_S = 1.0
END_DEADLINE_S = 5.0


def end_leftovers(state_dir: Path) -> list[str]:
    """End what still runs of a stack whose supervisor is gone; the names of what was ended."""
    stack = read_stack(state_dir)
    if stack is None:
        return []
    alive = {name: process for name, info in stack.processes.items() if (process := same_process(info)) is not None}
    for process in alive.values():
        signal_group(process.pid, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(list(alive.values()), timeout=END_DEADLINE_S)
    for process in stubborn:
        signal_group(process.pid, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=END_DEADLINE_S)
    return sorted(alive)


def same_process(info: ProcessInfo) -> psutil.Process | None:
    """The process that was recorded, unless it is gone and another has its id."""
    try:
        process = psutil.Process(info.pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return process if not gone and abs(process.create_time() - info.created_at) < SAME_PROCESS_S else None
    except psutil.NoSuchProcess:
        return None
