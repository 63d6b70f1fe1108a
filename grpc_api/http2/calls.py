"""What the kinds of methods do with the messages of a stream: one in and one out, or many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Final, cast

import structlog

from grpc_api.call import Call
from grpc_api.gate import CallFailedError
from grpc_api.http2.light_task import LightTask
from grpc_api.http2.messages import PREFIX_BYTES, MessageError, Received, read_prefix
from grpc_api.http2.replies import HttpAnswer
from grpc_api.http2.request_head import RequestHead
from grpc_api.http2.stream import Host, Stream
from grpc_api.methods import BidirectionalMethod, Method, ServerStreamingMethod, UnaryMethod
from grpc_api.status import UNKNOWN, Code, Status

logger: Final = structlog.get_logger(__name__)

OK: Final = Status(Code.OK, "")
TURN_MESSAGES: Final = 32
"""Messages that a handler may send before others get their turn."""
MESSAGE_COST: Final = 128
"""Bytes that a message which waits takes beside its own."""
LONGEST_PATH: Final = 200
"""Characters of a path that an answer repeats."""
ONE_MESSAGE: Final = "the method takes one message, and there came "


class RefusedStream(Stream):
    """A call that is not made: answered at once, and one that is not gRPC's once all of it is here."""

    __slots__ = ()

    def begin(self) -> None:
        """See `Stream.begin`."""
        refusal = self.head.refusal
        if refusal is None:
            refusal = Status(Code.UNIMPLEMENTED, f"there is no method {self.head.path[:LONGEST_PATH]}")
        if isinstance(refusal, Status):
            self.end(refusal)

    def _take(self, data: bytes) -> None:  # noqa: ARG002 - nobody wants it
        if self.ended_by_peer and isinstance(self.head.refusal, HttpAnswer):
            self.end_as_http(self.head.refusal)

    def _stop_work(self) -> None:
        """There is none."""


class OneMessageStream(Stream):
    """A call whose request is one message: gathers it, and begins once all of it is here."""

    __slots__ = ("_message",)

    def __init__(
        self, host: Host, stream_id: int, head: RequestHead, call: Call, method: Method | None, now_s: float
    ) -> None:
        super().__init__(host, stream_id, head, call, method, now_s)
        self._message: Received | None = None

    def begin(self) -> None:
        """See `Stream.begin`."""

    def _take(self, data: bytes) -> None:
        if self.ended_by_peer and self._reader is None and len(data) >= PREFIX_BYTES:
            flag, length = read_prefix(data)
            if flag == 0 and length == len(data) - PREFIX_BYTES and length <= self.host.limits.message_bytes:
                self.n_received = 1
                self._start(data[PREFIX_BYTES:])  # nearly every request comes so: whole, in one frame
                return
        for message in self._read(data):
            if self._message is not None:
                raise MessageError(Code.UNIMPLEMENTED, f"{ONE_MESSAGE}more")
            self._message = message
        if not self.ended_by_peer:
            return
        if self._message is None:
            raise MessageError(Code.UNIMPLEMENTED, f"{ONE_MESSAGE}none")
        self._start(self._message if self._message.is_compressed else self._message.data)

    def _start(self, message: bytes | Received) -> None:
        """Call the handler with a message, or with one that has to be inflated before."""
        raise NotImplementedError


class UnaryStream(OneMessageStream):
    """One message in, one out."""

    __slots__ = ("_method", "_task")

    def __init__(
        self, host: Host, stream_id: int, head: RequestHead, call: Call, method: Method | None, now_s: float
    ) -> None:
        super().__init__(host, stream_id, head, call, method, now_s)
        self._task: LightTask[bytes] | None = None

    def _start(self, message: bytes | Received) -> None:
        gate = self.host.gate
        work = (
            gate.unary(self.method, message, self.call)
            if isinstance(message, bytes)
            else self._inflate_and_call(message)
        )
        self._task = LightTask(work, self._answered, self.host.loop)
        self._task.run()

    async def _inflate_and_call(self, message: Received) -> bytes:
        gate = self.host.gate
        with gate.opened(self.method, self.call):  # who may not call has nothing inflated
            return await gate.answer(self.method, await self._inflated(message), self.call)

    def _answered(self, answer: bytes | None, error: BaseException | None) -> None:
        if self.is_over:
            return
        if answer is None:
            self.end(status_of_failure(error))
        elif not self.send_whole(answer):
            try:
                check_length(answer, self.host.limits.message_bytes)
                self._reserve(len(answer))
            except MessageError as too_much:
                self.end(too_much.status)
            else:
                self.queue(answer)
                self.end(OK)

    def _stop_work(self) -> None:
        if self._task is not None:
            self._task.cancel()


class StreamingStream(Stream):
    """Sends what a handler yields, no faster than the peer takes it."""

    def __init__(
        self, host: Host, stream_id: int, head: RequestHead, call: Call, method: Method | None, now_s: float
    ) -> None:
        super().__init__(host, stream_id, head, call, method, now_s)
        self._work: asyncio.Task[None] | None = None
        self._gone: asyncio.Future[None] | None = None

    def _run(self, answers: AsyncIterator[bytes]) -> None:
        self._work = self.host.loop.create_task(self._send_all(answers))

    async def _send_all(self, answers: AsyncIterator[bytes]) -> None:
        n_sent = 0
        try:
            async with aclosing(cast("AsyncGenerator[bytes, None]", answers)):
                async for answer in answers:
                    await self._send(answer)
                    n_sent += 1
                    if n_sent % TURN_MESSAGES == 0:
                        await asyncio.sleep(0)
        except Exception as error:
            status = status_of_failure(error)
        else:
            status = OK
        finally:
            self._work = None
        if not self.is_over:
            self.end(status)

    async def _send(self, answer: bytes) -> None:
        check_length(answer, self.host.limits.message_bytes)
        self.queue(answer)
        if self.waiting_bytes:
            self._reserve(self._held_bytes() + self.waiting_bytes)
            self._gone = self.host.loop.create_future()
            await self._gone

    def _drained(self) -> None:
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def _stop_work(self) -> None:
        if self._work is not None:
            self._work.cancel()


class ServerStreamingStream(OneMessageStream, StreamingStream):
    """One message in, any number out."""

    def _start(self, message: bytes | Received) -> None:
        self._run(self._answers(message))

    async def _answers(self, message: bytes | Received) -> AsyncGenerator[bytes, None]:
        if isinstance(message, Received):
            message = await self._inflated(message)
        method: ServerStreamingMethod = self.method
        async with aclosing(
            cast("AsyncGenerator[bytes, None]", self.host.gate.server_streaming(method, message, self.call))
        ) as answers:
            async for answer in answers:
                yield answer


class BidirectionalStream(StreamingStream):
    """Any number of messages either way; the peer may send ahead as far as the window lets it."""

    def __init__(
        self, host: Host, stream_id: int, head: RequestHead, call: Call, method: Method | None, now_s: float
    ) -> None:
        super().__init__(host, stream_id, head, call, method, now_s)
        self._inbox: deque[Received] = deque()
        self._inbox_bytes = 0
        self._news: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """See `Stream.begin`."""
        try:
            self._reserve(self.host.limits.stream_window)
        except MessageError as error:
            self.fail(error.status)
        else:
            self._run(self.host.gate.bidirectional(self.method, self._messages(), self.call))

    def _take(self, data: bytes) -> None:
        for message in self._read(data):
            self._inbox.append(message)
            self._inbox_bytes += len(message.data) + MESSAGE_COST
        self._reserve(self._inbox_bytes)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    @property
    def awaits_request(self) -> bool:
        """See `Stream`: its handler takes messages as they come."""
        return False

    def _held_bytes(self) -> int:
        return self._inbox_bytes

    async def _messages(self) -> AsyncGenerator[bytes, None]:
        while True:
            while self._inbox:
                message = self._inbox.popleft()
                self._inbox_bytes -= len(message.data) + MESSAGE_COST
                if not self.ended_by_peer:
                    self.replenish()
                yield await self._inflated(message) if message.is_compressed else message.data
            if self.ended_by_peer:
                return
            self._news = self.host.loop.create_future()
            await self._news


def stream_kind(head: RequestHead, method: Method | None) -> type[Stream]:
    """The stream of a call, by the kind of its method; None stands for a method that there is not."""
    if method is None or head.refusal is not None:
        return RefusedStream
    return KINDS[type(method)]


def check_length(answer: bytes, max_bytes: int) -> None:
    """Raise MessageError for an answer that clients would not take."""
    if len(answer) > max_bytes:
        raise MessageError(Code.RESOURCE_EXHAUSTED, f"the answer has {len(answer)} bytes, at most {max_bytes} are sent")


def status_of_failure(error: BaseException | None) -> Status:
    """What to tell the caller about what came out of the gate."""
    if isinstance(error, CallFailedError | MessageError):
        return error.status
    logger.error("call_failed", exc_info=error)
    return UNKNOWN


KINDS: Final[Mapping[type[Method], type[Stream]]] = {
    UnaryMethod: UnaryStream,
    ServerStreamingMethod: ServerStreamingStream,
    BidirectionalMethod: BidirectionalStream,
}
