"""Something that is done again and again in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

logger: Final = structlog.get_logger(__name__)


class Rounds:
    """Goes on whatever becomes of a round; the first of several that fail one after another is logged.

    Parameters
    ----------
    work
        One round.
    name
        Of the thread.
    wait_s
        Asked before each round how long to wait for it.

    """

    def __init__(self, work: Callable[[], object], *, name: str, wait_s: Callable[[], float]) -> None:
        self._work = work
        self._wait_s = wait_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End once the round under way has."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_failing = False
        while not self._stop.wait(self._wait_s()):
            try:
                self._work()
            except Exception:
                if not is_failing:
                    logger.exception("round_failed", thread=self._thread.name)
                is_failing = True
            else:
                is_failing = False
