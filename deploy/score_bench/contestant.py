"""One server of the scorer's bench, and what it took so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np

from deploy.score_bench.latencies import Latencies, Taken, to_latencies
from deploy.score_bench.link import Link
from deploy.score_bench.load import closed_loop, open_loop

IN_FLIGHT: Final = 16


class Contestant:
    """Asked over a link that is open; each call is about another entity than the one before."""

    def __init__(self, name: str, link: Link, requests: Sequence[bytes]) -> None:
        self.name = name
        self._link = link
        self._requests: Iterator[bytes] = cycle(requests)
        self._alone: list[Taken] = []
        self._together: list[Taken] = []
        self._paced: list[Taken] = []
        self.pace = 0.0

    async def warm_up(self, seconds: float) -> None:
        """Ask, and forget what it took."""
        to_latencies(self.name, [await closed_loop(self._link, self._requests, IN_FLIGHT, seconds)])

    async def ask_alone(self, seconds: float) -> None:
        """One call in flight."""
        self._alone.append(await closed_loop(self._link, self._requests, 1, seconds))

    async def ask_together(self, seconds: float) -> None:
        """Several in flight."""
        self._together.append(await closed_loop(self._link, self._requests, IN_FLIGHT, seconds))

    async def ask_paced(self, per_second: float, seconds: float) -> None:
        """By the clock."""
        self.pace = per_second
        generator = np.random.default_rng(len(self._paced))
        self._paced.append(await open_loop(self._link, self._requests, per_second, seconds, generator))

    @property
    def alone(self) -> Latencies:
        """With one call in flight."""
        return to_latencies(self.name, self._alone)

    @property
    def together(self) -> Latencies:
        """With several."""
        return to_latencies(self.name, self._together)

    @property
    def paced(self) -> Latencies:
        """In an open loop."""
        return to_latencies(self.name, self._paced)

    def close(self) -> None:
        """Close the link."""
        self._link.close()

    def figures(self) -> dict[str, Any]:
        """All of it; no half load where it could not bear that."""
        half_load = {"asked_per_second": round(self.pace), **self.paced._asdict()} if self._paced else None
        return {
            "name": self.name,
            "alone": self.alone._asdict(),
            "together": self.together._asdict(),
            "half_load": half_load,
        }
