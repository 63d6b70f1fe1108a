"""Signs of life: the fetch loop goes round, and work gets done. Read by the watchdog from its own thread."""

from __future__ import annotations

from collections.abc import Callable


class Pulse:
    """Counts what the watchdog wants to see rise.

    ``idle`` says whether there is nothing to do just now, so that a loop that merely goes round counts as progress.
    """

    def __init__(self, idle: Callable[[], bool]) -> None:
        self._idle = idle
        self.steps = 0

    def beat(self) -> None:
        """The fetch loop went round."""
        if self._idle():
            self.steps += 1

    def moved(self) -> None:
        """A batch was confirmed."""
        self.steps += 1
