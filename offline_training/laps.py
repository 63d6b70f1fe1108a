"""How long the parts of something take, one after the other."""

from __future__ import annotations

import time


class Laps:
    """``seconds`` of each part, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, part: str) -> None:
        """End a part; the next begins."""
        now = time.perf_counter()
        self.seconds[part] = round(now - self._since, 3)
        self._since = now
