"""What a peer may ask of the server, and for how long it may keep it waiting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one server.

    Attributes
    ----------
    message_bytes
        Longest message, compressed or inflated, either way.
    buffered_bytes
        Bytes of all connections together that may wait: for the rest of their message, for their handler, or for a
        peer that takes no answer. A call that would need more is refused.
    stream_window, connection_window
        Bytes that a peer may send ahead, of one call and of all of a connection's.
    max_streams, max_calls
        Calls of one connection at a time, and of all together.
    header_list_bytes, header_block_bytes, header_frames
        Size of a request's headers as HTTP/2 counts it, of the encoded block, and frames that a block may come in.
    noise, noise_per_s
        Frames that ask for nothing (settings, priorities, window updates, empty ones) which a connection may send at
        once, and each second; each call allows some more.
    strikes, strikes_per_s
        Calls that a peer may reset within ``rapid_reset_s`` or break, at once and each second; a call that it takes the
        answer of allows one more.
    pings, pings_per_s
        Pings at once, and each second, to which nothing was sent in between.
    handshake_s
        Time for the preface and the settings, and for the rest of a header block or of a message.
    stall_s
        Time for which a peer may not take what was sent to it.
    keepalive_s, keepalive_ack_s
        Silence after which a peer is asked whether it is there, and time for its answer.
    look_s
        How often it is looked whether any of these times is over.
    idle_s, age_s
        Time without a call, and age, after which a connection is drained; None: never.

    """

    message_bytes: int = 64 * 2**20
    buffered_bytes: int = 1_024 * 2**20
    stream_window: int = 512 * 1_024
    connection_window: int = 8 * 2**20
    max_streams: int = 1_000
    max_calls: int = 65_536
    header_list_bytes: int = 16 * 1_024
    header_block_bytes: int = 32 * 1_024
    header_frames: int = 32
    noise: int = 1_000
    noise_per_s: float = 100.0
    strikes: int = 500
    strikes_per_s: float = 100.0
    rapid_reset_s: float = 0.01
    pings: int = 10
    pings_per_s: float = 0.2
    handshake_s: float = 10.0
    stall_s: float = 30.0
    keepalive_s: float = 60.0
    keepalive_ack_s: float = 20.0
    look_s: float = 1.0
    idle_s: float | None = None
    age_s: float | None = None


class Allowance:
    """A number that is spent, and comes back with time: a token bucket."""

    __slots__ = ("_at_s", "_left", "_most", "_per_s")

    def __init__(self, most: float, per_s: float, now_s: float) -> None:
        self._most = self._left = most
        self._per_s = per_s
        self._at_s = now_s

    def spend(self, now_s: float) -> bool:
        """Take one; whether there was one left. Time is looked at only when there is none."""
        if self._left >= 1:
            self._left -= 1
            return True
        self._left = min(self._most, (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def earn(self, amount: float) -> None:
        """Give some back."""
        self._left = min(self._most, self._left + amount)


class Room:
    """Bytes that may be buffered by all connections of a server together."""

    __slots__ = ("_left",)

    def __init__(self, n_bytes: int) -> None:
        self._left = n_bytes

    @property
    def left(self) -> int:
        """Bytes that are free."""
        return self._left

    def take(self, n_bytes: int) -> bool:
        """Take room, if there is as much."""
        if n_bytes > self._left:
            return False
        self._left -= n_bytes
        return True

    def give(self, n_bytes: int) -> None:
        """Give room back."""
        self._left += n_bytes
