"""Where a process' processor time goes, by stage of its work.

A signal every two milliseconds of processor time looks at all threads: what each has used since the look before is put
down to the stage that it is in, which its innermost frame of a known module tells. So the time is that of the kernel's
own clocks, and only its division is sampled. A look takes some tens of microseconds: a run that is watched is about
two per cent slower, so it is a run of its own.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

EVERY_S: Final = 0.002
TELL_S: Final = 0.2
LATEST_S: Final = 5.0

OTHER: Final = "other"


class StageTable(NamedTuple):
    """Which stage code belongs to, by its module, and by function where a module has a part in several.

    The longest name that a module begins with counts; a module without one belongs to whoever called it. ``names`` are
    the stages in the order in which they are told.
    """

    names: Sequence[str]
    modules: Mapping[str, str]
    functions: Mapping[tuple[str, str], str]


class StageClock:
    """Seconds of processor time by stage."""

    def __init__(self, table: StageTable) -> None:
        self._table = table
        self.seconds = dict.fromkeys(table.names, 0.0)
        self._before: dict[int, float] = {}
        self._process_s = 0.0
        self._stages: dict[str, str | None] = {}

    def look(self, frames: dict[int, FrameType]) -> None:
        """Put down what each thread has used since the look before, and as other what threads without Python have."""
        used = {ident: time.clock_gettime(time.pthread_getcpuclockid(ident)) for ident in frames}
        process_s = time.process_time()
        rest_s = process_s - self._process_s
        for ident, seconds in used.items():
            spent_s = max(0.0, seconds - self._before.get(ident, 0.0))
            self.seconds[self.stage_of(frames[ident])] += spent_s
            rest_s -= spent_s
        self.seconds[OTHER] += max(0.0, rest_s)
        self._before, self._process_s = used, process_s

    def stage_of(self, frame: FrameType | None) -> str:
        """The stage that a thread is in."""
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            stage = self._table.functions.get((module, frame.f_code.co_name)) or self._stage_of_module(module)
            if stage is not None:
                return stage
            frame = frame.f_back
        return OTHER

    def _stage_of_module(self, module: str) -> str | None:
        if module not in self._stages:
            parts = module.split(".")
            names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
            known = self._table.modules
            self._stages[module] = next((known[name] for name in names if name in known), None)
        return self._stages[module]


def watch_stages(path: Path, table: StageTable) -> None:
    """Keep a file that says how many seconds each stage has used, while the process lives; main thread only."""
    if not hasattr(time, "pthread_getcpuclockid"):  # macOS: the file stays away, and the bench says so
        return
    clock, told_s = StageClock(table), 0.0

    def look(_signal: int, _frame: FrameType | None) -> None:
        nonlocal told_s
        clock.look(sys._current_frames())
        if time.monotonic() - told_s > TELL_S:
            told_s = time.monotonic()
            write_stages(path, clock.seconds)

    clock.look(sys._current_frames())  # what was used so far is no stage's
    clock.seconds = dict.fromkeys(table.names, 0.0)
    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)


def write_stages(path: Path, seconds: dict[str, float]) -> None:
    """Written beside and put in place, so that a reader finds it whole."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(seconds))
    beside.replace(path)


def latest_stages(path: Path) -> dict[str, float]:
    """Seconds by stage as told after this call, none where nothing was told; who rests tells seldom: no long wait."""
    since, deadline = time.time(), time.monotonic() + LATEST_S
    while not (path.exists() and path.stat().st_mtime >= since) and time.monotonic() < deadline:
        time.sleep(TELL_S / 10)
    return dict(json.loads(path.read_text())) if path.exists() else {}
