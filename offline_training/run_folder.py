"""Where one training leaves what it has done so far, so that the same training started again goes on from there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from features.errors import UnavailableError

RUNS_FOLDER: Final = "runs"
RUN_FILE: Final = "run.json"
KEPT_RUNS: Final = 20
"""Of each model, the newest."""

_HASH_DIGITS: Final = 12


class RunFolder(NamedTuple):
    """The folder of a run, held by this process alone."""

    path: Path

    @property
    def name(self) -> str:
        """What it was named after: the hash of all that decides its outcome."""
        return self.path.name

    @property
    def reports(self) -> Path:
        """What people read; all of it goes to the registry, too."""
        return self.path / "reports"

    @property
    def search_journal(self) -> Path:
        """Trials of the search that have ended."""
        return self.path / "search.journal"

    @property
    def checkpoints(self) -> Path:
        """Fits on their way, where these are worth being gone on with."""
        return self.path / "checkpoints"

    @property
    def event_logs(self) -> Path:
        """Their epochs: `tensorboard --logdir` shows them."""
        return self.path / "tensorboard"


@contextmanager
def open_run(state_dir: Path, model: str, identity: Mapping[str, Any]) -> Iterator[RunFolder]:
    """The folder of a run of a model, which is the same for the same identity.

    ``identity`` is all that decides what comes out, as `run.json` shows it. UnavailableError where another process
    is at the same run.
    """
    text = _text(identity)
    run = RunFolder(state_dir / RUNS_FOLDER / model / run_name(identity))
    run.reports.mkdir(parents=True, exist_ok=True)
    with held(run.path):
        (run.path / RUN_FILE).write_bytes(text)
        _forget_old(run.path.parent)
        yield run


def run_name(identity: Mapping[str, Any]) -> str:
    """What a run is called: the hash of all that decides what comes out."""
    return hashlib.sha256(_text(identity)).hexdigest()[:_HASH_DIGITS]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder; the system lets go of it with the process."""
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(str(folder), "another process is at the same training; wait for it") from None
        yield
    finally:
        os.close(held)


def _text(identity: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(identity, order="deterministic"), indent=1)


def _forget_old(runs: Path) -> None:
    """Remove all but the newest runs, and those that somebody is at."""
    begun = list(runs.glob(f"*/{RUN_FILE}"))
    newest_first = [file.parent for file in sorted(begun, key=lambda file: file.stat().st_mtime_ns, reverse=True)]
    for path in newest_first[KEPT_RUNS:]:
        with suppress(UnavailableError), held(path):
            shutil.rmtree(path)
