"""When a client asks again: only what is safe, only while there is time, and not at all once most calls fail.

Asking again is safe where the call failed as unavailable. It may have been answered all the same, and then its record
is written twice: under one request id, which the client gives each score.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

FULL: Final = 10.0
"""Tokens of a client that meets no failures; a failure takes one, and below half of them nothing is asked again."""

EARNED: Final = 0.1
"""What an answer gives back."""

LONGEST_S: Final = 1e8
"""Three years."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often an unavailable server is asked again, and after how long.

    The pause before attempt n is drawn between zero and ``pause_s · 2^(n-2)``, at most ``longest_pause_s``.
    """

    attempts: int = 3
    pause_s: float = 0.05
    longest_pause_s: float = 1.0


class RetryThrottle:
    """Shared by all calls of a client, so that its retries do not keep down a server that is down.

    The rule is gRPC's own (retry throttling, proposal A6).
    """

    def __init__(self) -> None:
        self._tokens = FULL

    def note(self, *, answered: bool) -> None:
        """An attempt ended."""
        self._tokens = min(FULL, self._tokens + EARNED) if answered else max(0.0, self._tokens - 1.0)

    @property
    def allows(self) -> bool:
        """Whether anything is asked again."""
        return self._tokens > FULL / 2


class Attempts:
    """One call's attempts, over which its deadline is a budget.

    Parameters
    ----------
    retries, throttle
        The client's.
    deadline_s
        For all attempts and the pauses between them; None: without end.
    now_s, draw
        A monotonic clock, and numbers between 0 and 1.

    """

    def __init__(
        self,
        retries: Retries,
        throttle: RetryThrottle,
        deadline_s: float | None,
        *,
        now_s: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,  # noqa: S311 - spreads out, hides nothing
    ) -> None:
        self._retries = retries
        self._throttle = throttle
        self._now_s = now_s
        self._draw = draw
        self._until_s = None if deadline_s is None else now_s() + deadline_s
        self._made = 0

    def begin(self) -> float | None:
        """Begin an attempt; how long it may take."""
        self._made += 1
        return None if self._until_s is None else timeout_of(max(0.0, self._until_s - self._now_s()))

    def answered(self) -> None:
        """The attempt succeeded."""
        self._throttle.note(answered=True)

    def pause_s(self, code: grpc.StatusCode) -> float | None:
        """The attempt failed: how long to wait before the next, None where there is to be none."""
        if code is not grpc.StatusCode.UNAVAILABLE:
            return None
        self._throttle.note(answered=False)
        if self._made >= self._retries.attempts or not self._throttle.allows:
            return None
        most = min(self._retries.longest_pause_s, self._retries.pause_s * 2.0 ** (self._made - 1))
        pause_s = most * self._draw()
        if self._until_s is not None and self._now_s() + pause_s >= self._until_s:
            return None
        return pause_s


def timeout_of(deadline_s: float | None) -> float | None:
    """A deadline as grpc takes it, to which one beyond its range, such as infinity, is over at once."""
    return None if deadline_s is None else min(deadline_s, LONGEST_S)
