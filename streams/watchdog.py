"""Ends a worker that makes no progress while all its neighbours are up, so that a supervisor starts it again.

Faust workers are known to die silently (faust-streaming#175, #640). The watchdog is a thread of its own and waits for
nothing that it watches.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from streams.pulse import Pulse

EXIT_STALLED = 70

log: Final = structlog.get_logger(__name__)


class Watchdog:
    """Looks at the pulse, and bites when it stood still for ``stall_s`` in which every look found all neighbours up.

    Time in which the process itself stood still (SIGSTOP, a suspended machine) does not count.
    """

    def __init__(
        self,
        *,
        pulse: Pulse,
        stall_s: float,
        neighbour_down: Callable[[], str | None],
        bite: Callable[[int], object] = os._exit,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pulse = pulse
        self._stall_s = stall_s
        self._neighbour_down = neighbour_down
        self._bite = bite
        self._monotonic = monotonic
        self._steps = -1
        self._stalled_s = 0.0
        self._looked_at = monotonic()

    @property
    def tick_s(self) -> float:
        """Between two looks."""
        return self._stall_s / 10

    def start(self) -> None:
        """Look for ever, from a thread."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def look(self) -> None:
        """One look."""
        now, steps = self._monotonic(), self._pulse.steps
        passed_s, self._looked_at = now - self._looked_at, now
        if steps != self._steps:
            self._steps, self._stalled_s = steps, 0.0
            return
        if self._neighbour_down() is not None:
            self._stalled_s = 0.0
            return
        self._stalled_s += min(passed_s, 2 * self.tick_s)
        if self._stalled_s >= self._stall_s:
            log.critical("no progress while all neighbours are up: ending", stall_s=self._stall_s, exit=EXIT_STALLED)
            self._bite(EXIT_STALLED)

    def _run(self) -> None:
        while True:
            time.sleep(self.tick_s)
            self.look()
