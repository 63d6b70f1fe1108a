"""A child process that is started again when it dies, later each time that it dies young."""

from __future__ import annotations

from deploy.server_process import Server

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STEADY_S = 60.0


class Child:
    """One server under supervision. Times are those of a monotonic clock, passed in."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.restarts = 0
        self._delay_s = FIRST_DELAY_S
        self._started_s = 0.0
        self._due_s: float | None = None

    def start(self, now_s: float) -> None:
        """Start it for the first time."""
        self._started_s = now_s
        self.server.spawn()

    def tend(self, now_s: float) -> bool:
        """Start it again when it is dead and its delay is over; whether that was done now."""
        if self.server.is_running:
            return False
        if self._due_s is None:
            if now_s - self._started_s >= STEADY_S:
                self._delay_s = FIRST_DELAY_S
            self._due_s = now_s + self._delay_s
            self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
        if now_s < self._due_s:
            return False
        self._due_s = None
        self.restarts += 1
        self.start(now_s)
        return True
