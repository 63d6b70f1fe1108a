"""How many calls are in hand, and whether one more would be answered in time: the others are refused at once.

A server that has nothing to do now and then takes up a burst, so a call is let in while half of the time that it has is
enough for those ahead of it; the other half is for the store and for what the guess leaves out. One that has been busy
without a break is overloaded: a queue makes everybody wait there without one answer more. Until it has had nothing in
hand again, a tenth of a call's time must be enough, or two turns, so that there is always one to go on with (K. Nichols
and V. Jacobson, "Controlling Queue Delay", 2012, which has a fixed delay; here calls say how long they can wait).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from grpc_api.refusals import OverloadedError
from grpc_api.turns import Turns

QUEUE_SHARE: Final = 0.5
"""Part of the time that a call has left which it may have to wait for its turn."""

PATIENCE_S: Final = 2.0
"""Time that a call without a deadline is taken to have."""

BUSY_S: Final = 0.1
"""Time without a break after which it is overload."""

BUSY_SHARE: Final = 0.1
"""The part under overload, though it may be two turns in any case."""

SHORT_S: Final = 0.001
"""A wait that is let in without a thought."""

LEAST_RETRY_S: Final = 0.05

STREAM_RETRY_S: Final = 1.0
"""When to come again where there are as many streams as may be, which end when they like."""


class Load:
    """Calls in hand. Of the loop's own thread."""

    def __init__(self, turns: Turns, *, max_in_flight: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.n_in_flight = 0
        self._n_unary = 0
        self._busy_since_s = 0.0
        self._monotonic = monotonic
        self._turns = turns
        self._max_in_flight = max_in_flight
        self._max_streams = max(1, max_in_flight // 2)

    def enter(self, remaining_s: float | None, *, streams: bool = False) -> None:
        """Let a call in that has so much time left; OverloadedError where it would not be answered in time.

        One that streams may be idle, so it counts to those ahead of others while one of its messages waits. It may be
        so for ever, so half of the places are left to the others.
        """
        n_streams = self.n_in_flight - self._n_unary
        if streams and n_streams >= self._max_streams:
            raise OverloadedError(f"has {n_streams} streams in hand", STREAM_RETRY_S, "in_flight")
        self.check(remaining_s)
        self.n_in_flight += 1
        if not streams:
            if not self._n_unary:
                self._busy_since_s = self._monotonic()
            self._n_unary += 1

    def check(self, remaining_s: float | None) -> None:
        """OverloadedError where a call that has so much time left would not be let in now."""
        turns = self._turns
        if turns.waiting or self._n_unary * turns.turn_s > SHORT_S or self.n_in_flight >= self._max_in_flight:
            self._judge(PATIENCE_S if remaining_s is None else remaining_s)

    def leave(self, *, streams: bool = False) -> None:
        """A call that was let in has ended."""
        self.n_in_flight -= 1
        if not streams:
            self._n_unary -= 1

    def _judge(self, has_s: float) -> None:
        """Refuse a call that has so much time, if it would have to wait for too much of it."""
        turns = self._turns
        wait_s = max(self._n_unary, len(turns.waiting)) * turns.turn_s
        retry_s = max(LEAST_RETRY_S, wait_s)
        if self.n_in_flight >= self._max_in_flight:
            raise OverloadedError(f"has {self.n_in_flight} calls in hand", retry_s, "in_flight")
        room_s = has_s * QUEUE_SHARE
        if self._n_unary and self._monotonic() - self._busy_since_s > BUSY_S:
            room_s = min(room_s, max(has_s * BUSY_SHARE, 2 * turns.turn_s))
        if wait_s > room_s:
            raise OverloadedError(f"is busy for {math.ceil(wait_s * 1e3)} ms", retry_s, "busy")
