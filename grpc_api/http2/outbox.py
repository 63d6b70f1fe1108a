"""What a connection sends: the frames of one turn of the loop in one write, and data only as the peer takes it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final, Protocol

from grpc_api.http2.faults import ConnectionFault, ErrorCode
from grpc_api.http2.frames import DATA, DEFAULT_WINDOW, GREATEST_WINDOW, LEAST_MAX_FRAME, head

MOST_FRAME: Final = 64 * 1_024
"""Longest DATA that is sent to a peer that would take longer ones: nothing else gets in between."""
FLUSH_BYTES: Final = 256 * 1_024
"""So much is handed to the transport before the turn is over, which then says whether it has enough."""


class Sender(Protocol):
    """Who has data that waits for the connection's window."""

    def push(self) -> None:
        """Send what the windows let through."""


class Outbox:
    """The way out of one connection.

    Attributes
    ----------
    window
        Bytes of data that the peer takes over the whole connection.
    max_frame
        Longest payload of a DATA frame.
    blocked
        Senders with data that waits for the connection alone, by stream; one that waits for a window of its own hears
        of that by itself, so what is granted to the connection costs no look at it.
    is_paused
        Whether the transport holds as much as it wants to.
    n_written, n_data
        Times that frames were written so far, and frames of data that went out by themselves among them.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes | memoryview] = []
        self._n_bytes = 0
        self._will_flush = False
        self.window = DEFAULT_WINDOW
        self.max_frame = LEAST_MAX_FRAME
        self.blocked: OrderedDict[int, Sender] = OrderedDict()
        self.is_paused = False
        self.n_written = 0
        self.n_data = 0

    def open(self, transport: asyncio.Transport) -> None:
        """Begin to send there."""
        self._transport = transport

    def write(self, part: bytes) -> None:
        """Send frames, at the latest when this turn of the loop is over."""
        self._parts.append(part)
        self._n_bytes += len(part)
        self.n_written += 1
        if not self._will_flush:
            self._will_flush = True
            self._loop.call_soon(self.flush)

    def hold(self) -> None:
        """Keep what is written until `flush`, which the caller promises: a turn that reads ends with it anyway."""
        self._will_flush = True

    def write_data(self, stream_id: int, part: bytes | memoryview) -> None:
        """Send a DATA frame, whose size the caller has looked at."""
        self.write(head(DATA, 0, stream_id, len(part)))
        self._parts.append(part)
        self._n_bytes += len(part)
        self.n_data += 1
        self.window -= len(part)
        if self._n_bytes > FLUSH_BYTES:
            self._hand_over()

    def flush(self) -> None:
        """Hand everything to the transport."""
        self._will_flush = False
        if self._parts:
            self._hand_over()

    def _hand_over(self) -> None:
        parts, self._parts, self._n_bytes = self._parts, [], 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def grow(self, increment: int) -> None:
        """The peer takes more; ConnectionFault when that is more than there can be."""
        self.window += increment
        if self.window > GREATEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is above 2^31 - 1")
        self.push()

    def pause(self) -> None:
        """The transport has enough."""
        self.is_paused = True

    def resume(self) -> None:
        """The transport takes more."""
        self.is_paused = False
        self.push()

    def push(self) -> None:
        """Let those go on who wait, one after another; who must wait again stands behind the others."""
        while self.blocked and self.window > 0 and not self.is_paused:
            _, sender = self.blocked.popitem(last=False)
            sender.push()

    def room(self, window: int) -> int:
        """Bytes of data that may go out now for a stream with this window; 0 or less: none."""
        return 0 if self.is_paused else min(window, self.window, self.max_frame)
