"""How much of the servers' core each process on it uses: a full one would be measured in place of the contestant."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import psutil

from features.errors import NotServingError

FULL: Final = 0.9


class CoreShare:
    """Shares of a core that named processes have used since `start`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self.start()

    def start(self) -> None:
        """Count from here on."""
        self._began_s, self._used_s = time.perf_counter(), self.used_s()

    def used_s(self) -> dict[str, float]:
        """Processor time that each has ever used."""
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: used.user + used.system for name, used in times.items()}

    def shares(self) -> dict[str, float]:
        """What part of the core each has had."""
        seconds = time.perf_counter() - self._began_s
        return {name: round((used_s - self._used_s[name]) / seconds, 2) for name, used_s in self.used_s().items()}


def refuse_full(shares: Mapping[str, float]) -> None:
    """NotServingError where together they leave too little of the core."""
    if sum(shares.values()) > FULL:
        told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        raise NotServingError("freshness", f"the servers' core was full ({told})")
