"""What a running stack leaves for others to read (``stack.json``), and the lock that says whether it lives."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

import fcntl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from features.errors import UnavailableError
from features.nouns import Struct
from features.whole_file import replace_file

STACK_FILE = "stack.json"
LOCK_FILE = "stack.lock"
LOOK_S = 1.0


class ProcessInfo(Struct, frozen=True, kw_only=True):
    """One process of a stack. ``created_at`` tells it from a later process with the same id; ``plan`` is a worker's."""

    pid: int
    created_at: float
    address: str | None
    restarts: int
    log: str
    plan: str | None = None


class StackFile(Struct, frozen=True, kw_only=True):
    """The whole file. ``settings`` overrides the defaults of every process of this domain while the stack runs."""

    project: str
    pid: int
    state: Literal["starting", "up", "stopping", "failed"]
    message: str = ""
    code: int = 0
    settings: Mapping[str, Mapping[str, Any]] = {}
    processes: Mapping[str, ProcessInfo] = {}


def read_stack(state_dir: Path) -> StackFile | None:
    """The file of a stack that runs, or that ended without cleaning up; None when there is none."""
    try:
        return msgspec.json.decode((state_dir / STACK_FILE).read_bytes(), type=StackFile)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        return None


def write_stack(state_dir: Path, stack: StackFile) -> None:
    """Replace the file atomically."""
    replace_file(state_dir / STACK_FILE, msgspec.json.format(msgspec.json.encode(stack), indent=1))


def remove_stack(state_dir: Path) -> None:
    """Take the addresses back; the defaults hold again."""
    (state_dir / STACK_FILE).unlink(missing_ok=True)


class StackLock:
    """Held by the supervisor for as long as it lives; the kernel lets it go when the process ends, however it ends."""

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True)
        self._file = (state_dir / LOCK_FILE).open("ab")

    def acquire(self) -> bool:
        """Take it if it is free."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __enter__(self) -> Self:
        """Take it; UnavailableError when another supervisor has it (one that only looks has it for a moment)."""
        deadline_s = time.monotonic() + LOOK_S
        while not self.acquire():
            if time.monotonic() > deadline_s:
                self._file.close()
                raise UnavailableError("stack", "another supervisor of this domain runs already")
            time.sleep(LOOK_S / 10)
        return self

    def close(self) -> None:
        """Let it go."""
        self._file.close()

    def __exit__(self, *exc: object) -> None:
        """Let it go."""
        self.close()


def is_supervised(state_dir: Path) -> bool:
    """Whether a supervisor of this state folder lives."""
    if not (state_dir / LOCK_FILE).exists():
        return False
    lock = StackLock(state_dir)
    try:
        return not lock.acquire()
    finally:
        lock.close()
