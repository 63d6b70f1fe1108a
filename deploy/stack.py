"""A domain's stack as the command line sees it: started, stopped, described."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from deploy.exit_codes import StepFailedError
from deploy.leftovers import end_leftovers
from deploy.stack_file import StackFile, is_supervised, read_stack, remove_stack
from features.errors import UnavailableError
from features.settings import Settings

UP_DEADLINE_S = 420.0
DOWN_DEADLINE_S = 90.0
POLL_S = 0.1


def start_stack(
    settings: Settings,
    project: str,
    *,
    n_workers: int = 1,
    note: Callable[[str], None] = lambda _: None,
) -> StackFile:
    """Start the stack of a domain, or find it running; returns once it is healthy."""
    state_dir = settings.state_dir(project)
    process: subprocess.Popen[bytes] | None = None
    if not is_supervised(state_dir):
        end_leftovers(state_dir)
        remove_stack(state_dir)
        process = spawn_supervisor(settings, state_dir, n_workers)
    return await_up(state_dir, process, note)


def spawn_supervisor(settings: Settings, state_dir: Path, n_workers: int) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own, so that it outlives this terminal."""
    file = state_dir / "logs" / "supervisor.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["--repo", str(settings.repo.resolve()), "--workers", str(n_workers)]
    with file.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.supervise", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def await_up(state_dir: Path, process: subprocess.Popen[bytes] | None, note: Callable[[str], None]) -> StackFile:
    """Wait for a starting stack, telling of each process as it is started."""
    deadline_s = time.monotonic() + UP_DEADLINE_S
    told: set[str] = set()
    while time.monotonic() < deadline_s:
        stack = read_stack(state_dir)
        if stack is not None and stack.state == "up":
            return stack
        for name, info in stack.processes.items() if stack is not None else ():
            if name not in told:
                told.add(name)
                note(f"  {name:<11} {info.address or info.pid}")
        ended = process.poll() is not None if process is not None else not is_supervised(state_dir)
        if ended:
            raise why_it_failed(state_dir)
        time.sleep(POLL_S)
    raise UnavailableError("stack", f"not up after {UP_DEADLINE_S:.0f} s; see {state_dir / 'logs'}")


def why_it_failed(state_dir: Path) -> UnavailableError | StepFailedError:
    """What the supervisor left word of."""
    stack = read_stack(state_dir)
    if stack is not None and stack.state == "failed":
        remove_stack(state_dir)
        return StepFailedError(stack.message, stack.code)
    return UnavailableError(
        "stack", f"the supervisor ended while starting; see {state_dir / 'logs' / 'supervisor.log'}"
    )


def stop_stack(settings: Settings, project: str) -> bool:
    """Stop the stack of a domain in the order in which nothing is lost; whether there was one to stop."""
    state_dir = settings.state_dir(project)
    stack = read_stack(state_dir)
    if not is_supervised(state_dir):
        ended = end_leftovers(state_dir)
        remove_stack(state_dir)
        return bool(ended)
    if stack is None:
        raise UnavailableError("stack", f"a supervisor runs but has left no word in {state_dir}; try again")
    supervisor = psutil.Process(stack.pid)
    os.kill(stack.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + DOWN_DEADLINE_S
    while is_supervised(state_dir):
        if time.monotonic() > deadline_s:
            supervisor.kill()
            end_leftovers(state_dir)
            raise UnavailableError("stack", f"had to be killed: not down after {DOWN_DEADLINE_S:.0f} s")
        time.sleep(POLL_S)
    if (state_dir / "stack.json").exists():
        raise why_it_failed(state_dir)
    return True


def worker_ports(settings: Settings, project: str) -> list[int]:
    """Ports of the workers' pages: those of the running stack, else the one that the settings name."""
    stack = read_stack(settings.state_dir(project))
    processes = stack.processes if stack is not None else {}
    ports = [int(i.address.rpartition(":")[2]) for n, i in processes.items() if n.startswith("worker") and i.address]
    return ports or [settings.worker.metrics_port]
