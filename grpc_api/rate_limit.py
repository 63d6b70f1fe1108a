"""How often each client may call: a bucket of tokens for every one of them, kept as one number.

The bucket is the virtual scheduling algorithm of ATM (GCRA, ITU-T I.371): in place of tokens it keeps the instant at
which the bucket will be full again. Buckets that are full are those of nobody, so they need not be kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

KEPT: Final = 1_000
"""Buckets below which nobody looks for full ones."""

ROUNDING_S: Final = 1e-6
"""What sums of instants may be off by."""


class RateLimit:
    """Buckets of ``burst`` tokens that fill by ``per_s`` tokens a second; a call takes one."""

    def __init__(self, per_s: float, burst: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 1.0 / per_s
        self._depth_s = (burst - 1) * self._interval_s + ROUNDING_S
        self._monotonic = monotonic
        self._full_at_s: dict[str, float] = {}
        self._sweep_above = KEPT

    def take(self, client: str) -> float:
        """Take a token of the client's: 0, or how many seconds it takes until there is one."""
        now_s = self._monotonic()
        full_at_s = max(self._full_at_s.get(client, now_s), now_s)
        short_s = full_at_s - now_s - self._depth_s
        if short_s > 0:
            return short_s
        self._full_at_s[client] = full_at_s + self._interval_s
        if len(self._full_at_s) > self._sweep_above:
            self._sweep(now_s)
        return 0.0

    def wait_s(self, client: str) -> float:
        """How many seconds it takes until there is a token for the client, which is not taken; 0: there is one."""
        now_s = self._monotonic()
        return max(self._full_at_s.get(client, now_s) - now_s - self._depth_s, 0.0)

    def __len__(self) -> int:
        """Buckets that are kept."""
        return len(self._full_at_s)

    def _sweep(self, now_s: float) -> None:
        """Drop the full ones; as many again may come until the next time, so that a call pays for one or two."""
        self._full_at_s = {client: at_s for client, at_s in self._full_at_s.items() if at_s > now_s}
        self._sweep_above = KEPT + 2 * len(self._full_at_s)
