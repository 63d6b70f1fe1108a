"""One server as a child process: started, awaited, stopped, killed and started again on the same port and data."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from deploy.port_claims import port_claims
from features.errors import UnavailableError

LOOPBACK = "127.0.0.1"
PORTS = range(15_000, 32_000)  # below the range that outgoing connections take, so that a restart finds its port free
POLL_S = 0.02
FEAST_LEAVES = frozenset({"PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR"})
LOG_BYTES = 50_000_000
"""A longer log is put aside (one is kept) when its process starts."""


def inherited() -> dict[str, str]:
    """The environment, without what importing Feast leaves in it: children would count into files of this process."""
    return {name: value for name, value in os.environ.items() if name not in FEAST_LEAVES}


class Server(ABC):
    """A child process in its own process group, with its log in ``<folder>/<name>.log``.

    A port that was not asked for is found free, and kept over restarts.
    """

    name: str
    ready_deadline_s: float = 30.0
    stop_deadline_s: float = 10.0
    listens: bool = True

    def __init__(self, folder: Path, *, port: int | None = None, log_dir: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self.log_file = (log_dir or self.folder).resolve() / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The program and its arguments."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers its own protocol now."""

    def environment(self) -> Mapping[str, str]:
        """Variables set for the child beside the inherited ones."""
        return {}

    def prepare(self) -> None:  # noqa: B027 - most servers need nothing
        """Make what the program wants to find before its first start."""

    @property
    def host(self) -> str:
        """Servers of the embedded stack listen on the loopback only."""
        return LOOPBACK

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id; UnavailableError when it was never started."""
        if self._process is None:
            raise UnavailableError(self.name, "has not been started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the child process is alive (paused counts)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and return once it answers; UnavailableError, with the end of its log, past the deadline."""
        self.spawn()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        if self.is_running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.prepare()
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                list(self.command()),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited(), **self.environment()},
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Return once it answers; UnavailableError when it ends first or the deadline passes."""
        deadline = time.monotonic() + self.ready_deadline_s
        while not self.is_ready():
            if not self.is_running:
                raise UnavailableError(self.name, f"ended while starting; {self.log_end()}")
            if time.monotonic() > deadline:
                raise UnavailableError(self.name, f"not ready after {self.ready_deadline_s:.0f} s; {self.log_end()}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ask it to end (SIGTERM), wait, and kill its process group if it does not."""
        self._end(signal.SIGTERM, self.stop_deadline_s)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash or the kernel would."""
        self._end(signal.SIGKILL, self.stop_deadline_s)

    def restart(self) -> Self:
        """Stop it and start it again on the same port and data folder."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals, deadline_s: float) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        signal_group(process.pid, how)
        signal_group(process.pid, signal.SIGCONT)
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            signal_group(process.pid, signal.SIGKILL)
            process.wait(deadline_s)
        signal_group(process.pid, signal.SIGKILL)  # what the program itself started and left behind

    def log_end(self, lines: int = 5) -> str:
        """Where its log is and how it ends, for an error."""
        if not self.log_file.exists():
            return f"no log at {self.log_file}"
        text = self.log_file.read_text(errors="replace").splitlines()[-lines:]
        return f"{self.log_file} ends: " + " | ".join(text)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *exc: object) -> None:
        """Stop."""
        self.stop()


def signal_group(pid: int, how: signal.Signals) -> None:
    """Signal a process group, if it still exists."""
    try:
        os.killpg(pid, how)
    except ProcessLookupError:
        return


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(preferred: int | None = None) -> int:
    """The preferred port when nobody has it, else some other; it is this process's until it ends or lets go of it."""
    for port in ([] if preferred is None else [preferred]) + random.SystemRandom().sample(PORTS, 200):
        if port_claims().claim(port):
            if port_is_free(port):
                return port
            port_claims().let_go(port)
    raise UnavailableError("ports", f"none of 200 tried between {PORTS.start} and {PORTS.stop} is free")


def answers_tcp(port: int, host: str = LOOPBACK, *, timeout_s: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False
