"""The half of a stream that answers: a head, messages as fast as the peer takes them, and a status."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque

from grpc_api.http2.faults import ErrorCode, StreamFault
from grpc_api.http2.frames import DATA, END_HEADERS, END_STREAM, GREATEST_WINDOW, HEADERS, frame, rst_stream
from grpc_api.http2.messages import PREFIX_BYTES, Encoding, framed
from grpc_api.http2.outbox import Outbox
from grpc_api.http2.replies import HttpAnswer, head_frame, last_frame, trailers, trailers_only, whole_answer
from grpc_api.status import Code, Status


class AnswerHalf(ABC):
    """One call's answer.

    Attributes
    ----------
    id
        The stream.
    window
        Bytes of data that the peer takes of this answer.
    waiting_bytes, moved_s
        Bytes that wait for a window, and when the peer took some of them last.
    n_sent, is_ok
        Messages of the answer, and whether its status says that all went well.

    """

    __slots__ = (
        "_encoding",
        "_has_head",
        "_last",
        "_outbox",
        "_waiting",
        "id",
        "is_ok",
        "moved_s",
        "n_sent",
        "waiting_bytes",
        "window",
    )

    def __init__(self, stream_id: int, outbox: Outbox, window: int, encoding: Encoding) -> None:
        self.id = stream_id
        self.window = window
        self.waiting_bytes = 0
        self.moved_s = 0.0
        self.n_sent = 0
        self.is_ok = False
        self._outbox = outbox
        self._encoding = encoding
        self._has_head = False
        self._waiting: deque[bytes | memoryview] = deque()
        self._last: bytes | None = None

    @abstractmethod
    def _drained(self) -> None:
        """Nothing waits for a window any more."""

    @abstractmethod
    def _ended(self) -> None:
        """The last frame of the answer has gone."""

    def send_whole(self, message: bytes) -> bool:
        """Send the only message of an answer that goes well, if it goes out at once in one frame; whether it did."""
        n_bytes = len(message) + PREFIX_BYTES
        if self._encoding is not Encoding.IDENTITY or n_bytes > self._outbox.room(self.window):
            return False
        self._outbox.write(whole_answer(self.id, message))
        self._outbox.window -= n_bytes
        self.n_sent, self.is_ok = 1, True
        self._ended()
        return True

    def queue(self, message: bytes) -> None:
        """Send a message as soon as the windows let it through."""
        self._send_head()
        self.n_sent += 1
        self._queue(framed(message, self._encoding))

    def _queue(self, data: bytes) -> None:
        self._waiting.append(memoryview(data))
        self.waiting_bytes += len(data)
        self.moved_s = time.monotonic()
        self.push()

    def end(self, status: Status) -> None:
        """Send the status behind what waits."""
        self.is_ok = status.code is Code.OK
        self._end(last_frame(self.id, trailers(status) if self._has_head else trailers_only(status)))

    def end_as_http(self, answer: HttpAnswer) -> None:
        """Send an answer for whoever does not speak gRPC."""
        self._has_head = True
        self._outbox.write(frame(HEADERS, END_HEADERS, self.id, answer.block))
        self._queue(answer.body)
        self._end(frame(DATA, END_STREAM, self.id))

    def cut(self, code: ErrorCode) -> None:
        """End the stream without a status."""
        self.drop()
        self._outbox.write(rst_stream(self.id, code))

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self.waiting_bytes = 0
        self._last = None
        self._outbox.blocked.pop(self.id, None)

    def grow(self, increment: int) -> None:
        """The peer takes more of this answer; StreamFault when that is more than there can be."""
        self.window += increment
        if self.window > GREATEST_WINDOW:
            raise StreamFault(self.id, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is above 2^31 - 1")
        if self._waiting:
            self.push()

    def push(self) -> None:
        """Send of what waits as much as the windows let through."""
        while self._waiting:
            room = self._outbox.room(self.window)
            if room <= 0:
                self._wait()
                return
            part = self._waiting.popleft()
            if len(part) > room:
                self._waiting.appendleft(part[room:])
                part = part[:room]
            self.window -= len(part)
            self.waiting_bytes -= len(part)
            self._outbox.write_data(self.id, part)
            self.moved_s = time.monotonic()
        self._outbox.blocked.pop(self.id, None)
        if self._last is not None:
            self._end(self._last)
        else:
            self._drained()

    def _wait(self) -> None:
        """Go on when the connection takes more, or, where the stream's own window is shut, when that is opened."""
        if self.window > 0:
            self._outbox.blocked[self.id] = self
        else:
            self._outbox.blocked.pop(self.id, None)

    def _send_head(self) -> None:
        if not self._has_head:
            self._has_head = True
            self._outbox.write(head_frame(self.id, self._encoding))

    def _end(self, last: bytes) -> None:
        if self._waiting:
            self._last = last
        else:
            self._outbox.write(last)
            self._ended()
