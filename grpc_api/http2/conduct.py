"""How a peer behaves: what it may do without need, how often it may break or reset calls, and how often it may ping."""

from __future__ import annotations

from typing import Final

from grpc_api.http2.faults import ConnectionFault, ErrorCode
from grpc_api.http2.limits import Allowance, Limits
from grpc_api.http2.outbox import Outbox

NOISE_A_CALL: Final = 10.0
GRANTS_A_DATA_FRAME: Final = 8
"""Peers grant windows as they read: of a frame of 64 KiB perhaps each quarter, for stream and connection."""


class Conduct:
    """Keeps count for one connection; ConnectionFault, ENHANCE_YOUR_CALM, once it is too much."""

    def __init__(self, limits: Limits, outbox: Outbox, now_s: float) -> None:
        self._outbox = outbox
        self._rapid_reset_s = limits.rapid_reset_s
        self._noise = Allowance(limits.noise, limits.noise_per_s, now_s)
        self._strikes = Allowance(limits.strikes, limits.strikes_per_s, now_s)
        self._pings = Allowance(limits.pings, limits.pings_per_s, now_s)
        self._written_at_ping = 0
        self._n_grants = 0

    def note_call(self) -> None:
        """A call was opened, which may need some frames beside its own."""
        self._noise.earn(NOISE_A_CALL)

    def note_answer(self) -> None:
        """A call was answered: whoever takes answers may also give up, as callers of a busy server do all the time."""
        self._strikes.earn(1.0)

    def bear_noise(self, now_s: float) -> None:
        """A frame that asks for nothing."""
        if self._n_grants < GRANTS_A_DATA_FRAME * self._outbox.n_data:
            self._n_grants += 1
        elif not self._noise.spend(now_s):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that ask for nothing")

    def bear_broken(self, now_s: float) -> None:
        """A call that the peer broke."""
        if not self._strikes.spend(now_s):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many calls were reset or broken")

    def bear_reset(self, opened_s: float, now_s: float) -> None:
        """A call that the peer reset, which is harmless unless it was opened a moment ago."""
        if now_s - opened_s < self._rapid_reset_s:
            self.bear_broken(now_s)

    def bear_ping(self, now_s: float) -> None:
        """A ping; clients measure the line with them while they are answered, which is never too often."""
        if self._outbox.n_written == self._written_at_ping and not self._pings.spend(now_s):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")

    def note_ping_answered(self) -> None:
        """What was written until now is no reason for the next one."""
        self._written_at_ping = self._outbox.n_written
