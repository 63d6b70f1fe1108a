"""One call's stream, from the head of its request to the status of its answer.

The kinds of methods differ in what they do with messages: see `grpc_api.http2.calls`.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from typing import Any, Final, Protocol

from grpc_api.call import Call
from grpc_api.gate import CallFailedError, Gate
from grpc_api.http2.answer_half import AnswerHalf
from grpc_api.http2.faults import ErrorCode, StreamFault
from grpc_api.http2.frames import rst_stream, window_update
from grpc_api.http2.limits import Limits, Room
from grpc_api.http2.messages import MessageError, MessageReader, Received, inflated
from grpc_api.http2.outbox import Outbox
from grpc_api.http2.request_head import RequestHead, malformed
from grpc_api.methods import Method
from grpc_api.status import Code, DeadlinePassedError, Status, status_of

LONGEST_TIMER_S: Final = 1e7
OPEN_BYTES: Final = 64 * 1_024
"""Longest message to a method of group `open`, whose caller may be anybody: health asks for a name."""
NO_ROOM: Final = Status(Code.RESOURCE_EXHAUSTED, "the server buffers as much as it may; try again later")
LATE: Final = status_of(DeadlinePassedError())


class Host(Protocol):
    """What a stream needs of its connection."""

    loop: asyncio.AbstractEventLoop
    gate: Gate
    limits: Limits
    room: Room
    outbox: Outbox
    peer_window: int

    def forget(self, stream: Stream) -> None:
        """The stream is over."""


class Stream(AnswerHalf):
    """A stream that the peer has opened.

    Attributes
    ----------
    opened_s
        When that was.
    message_since_s
        When the message that is on its way began to come.
    ended_by_peer
        Whether all of the request is here.
    is_over
        Whether nothing is sent or taken any more.
    n_received
        Messages of the request.

    """

    __slots__ = (
        "_content_left",
        "_reader",
        "_receive_window",
        "_reserved",
        "_timer",
        "call",
        "ended_by_peer",
        "head",
        "host",
        "is_over",
        "message_since_s",
        "method",
        "n_received",
        "opened_s",
    )

    def __init__(
        self, host: Host, stream_id: int, head: RequestHead, call: Call, method: Method | None, now_s: float
    ) -> None:
        super().__init__(stream_id, host.outbox, host.peer_window, head.answer_encoding)
        self.host = host
        self.method: Any = method  # each kind of stream is made for its kind of method
        self.head = head
        self.call = call
        self.opened_s = self.message_since_s = now_s
        self.ended_by_peer = False
        self.is_over = False
        self.n_received = 0
        self._receive_window = host.limits.stream_window
        self._content_left = head.content_length
        self._reader: MessageReader | None = None
        self._reserved = 0
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def begin(self) -> None:
        """The request's head is here; its messages come."""

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Bytes of the request, perhaps none; `ended_by_peer` says whether they are the last."""

    @abstractmethod
    def _stop_work(self) -> None:
        """Nobody waits for the handler any more."""

    def receive(self, data: bytes, flow_bytes: int, *, is_last: bool) -> None:
        """Bytes of the request. StreamFault where they break a promise of the peer."""
        self._receive_window -= flow_bytes
        if self._receive_window < 0:
            raise StreamFault(self.id, ErrorCode.FLOW_CONTROL_ERROR, "more data than the window takes")
        if self._content_left is not None:
            self._content_left -= len(data)
            if self._content_left < 0 or (is_last and self._content_left):
                raise malformed(self.id, "the data is not as long as content-length says")
        self.ended_by_peer = is_last
        try:
            self._take(data)
        except MessageError as error:
            self.fail(error.status)
        if not is_last and not self.is_over:
            self.replenish()

    @property
    def awaits_request(self) -> bool:
        """Whether nothing can be done before the rest of the request is here."""
        return not self.ended_by_peer

    @property
    def may_send(self) -> bool:
        """Whether the peer may send more of the request now."""
        return self._receive_window > 0

    def replenish(self) -> None:
        """Let the peer send on, as far as what it sent before was asked for."""
        target = self.host.limits.stream_window - self._held_bytes()
        if 2 * self._receive_window < target:
            self._outbox.write(window_update(self.id, target - self._receive_window))
            self._receive_window = target

    def _held_bytes(self) -> int:
        """Bytes of messages that the handler has not asked for yet."""
        return 0

    def _read(self, data: bytes) -> list[Received]:
        """The messages that these bytes complete. MessageError where they are none, or cannot be kept."""
        reader = self._reader
        if reader is None:
            reader = self._reader = MessageReader(self._most_bytes)
        if not reader.is_within_message:
            self.message_since_s = time.monotonic()
        messages = reader.feed(data)
        self.n_received += len(messages)
        if reader.is_within_message:
            if self.ended_by_peer:
                raise MessageError(Code.INVALID_ARGUMENT, "the request ends within a message")
            most = reader.held_bytes + self.host.limits.stream_window  # more cannot come before this is asked again
            self._reserve(min(reader.announced_bytes, most))
        return messages

    @property
    def _most_bytes(self) -> int:
        """Longest message that is taken."""
        most: int = self.host.limits.message_bytes
        return min(most, OPEN_BYTES) if self.method is not None and self.method.group == "open" else most

    async def _inflated(self, message: Received) -> bytes:
        """A compressed message as it was before; CallFailedError where `inflated` refuses it."""
        held = self._held_bytes() + len(message.data)
        try:
            return await inflated(
                message.data, self.head.encoding, self._most_bytes, lambda size: self._reserve(held + size)
            )
        except MessageError as error:  # the gate is to know what it is
            raise CallFailedError(error.status) from None

    @property
    def announced_bytes(self) -> int | None:
        """Length of the message that has begun to come and not ended; None where there is none."""
        reader = self._reader
        return reader.announced_bytes if reader is not None and reader.is_within_message else None

    def _reserve(self, n_bytes: int) -> None:
        """Hold room for so many bytes until the stream is over; MessageError where there is none."""
        if self.is_over:  # nobody would give it back
            return
        more = n_bytes - self._reserved
        if more > 0:
            if not self.host.room.take(more):
                self.host.gate.note_shed("memory")
                raise MessageError(NO_ROOM.code, NO_ROOM.message)
            self._reserved = n_bytes

    def arm(self) -> None:
        """See to it that the deadline is kept."""
        deadline_s = self.call.deadline_s
        if deadline_s is not None and self._timer is None:
            left_s = min(max(deadline_s - time.monotonic(), 0.0), LONGEST_TIMER_S)
            self._timer = self.host.loop.call_later(left_s, self._expire)

    def _expire(self) -> None:
        self.call.cancelled = True
        self.fail(LATE)

    def fail(self, status: Status) -> None:
        """Stop the handler and tell the caller why."""
        if self.is_over:
            return
        if self.waiting_bytes:  # a message that ends in the middle cannot be followed by a status
            self.reset(ErrorCode.CANCEL)
            return
        self.call.told = status
        self._stop_work()
        self.end(status)

    def reset(self, code: ErrorCode) -> None:
        """Stop the handler and end the stream without a word."""
        self.cut(code)
        self.cancel()

    def cancel(self) -> None:
        """The peer has hung up, or reset the stream: stop the handler."""
        if not self.is_over:
            self.call.cancelled = True
            self.drop()
            self._stop_work()
            self._over()

    def _drained(self) -> None:
        """See `AnswerHalf`; those who wait for it say more."""

    def _ended(self) -> None:
        if not self.ended_by_peer:  # the rest of the request is not wanted
            self._outbox.write(rst_stream(self.id, ErrorCode.NO_ERROR))
        self._over()

    def _over(self) -> None:
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reserved:
            self.host.room.give(self._reserved)
            self._reserved = 0
        self.host.forget(self)
