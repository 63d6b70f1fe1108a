"""What every call passes on its way to its method and back: refused when it is too late, counted, and its errors told.

The same for every transport. Out of the gate come answers and `CallFailedError`, nothing else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

import structlog

from grpc_api.call import Call
from grpc_api.meter import Answered, Meter
from grpc_api.methods import BidirectionalMethod, Method, ServerStreamingMethod, UnaryMethod, name_of
from grpc_api.status import Code, DeadlinePassedError, Status, is_ours, status_of

logger: Final = structlog.get_logger(__name__)


class CallFailedError(Exception):
    """A call that ends without an answer; ``status`` is what its caller is told."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class Gate:
    """Calls methods."""

    def __init__(self, meter: Meter) -> None:
        self._note = meter.note

    async def unary(self, method: UnaryMethod, data: bytes, call: Call) -> bytes:
        """The answer to one message."""
        begin_s = time.perf_counter()
        try:
            _admit(call)
            answer = await method.handler(data, call)
        except Exception as error:
            raise self._failed(method, error, begin_s) from None
        self._passed(method, begin_s)
        return answer

    async def server_streaming(self, method: ServerStreamingMethod, data: bytes, call: Call) -> AsyncIterator[bytes]:
        """The answers to one message."""
        async for answer in self._streaming(method, method.handler(data, call), call):
            yield answer

    async def bidirectional(
        self, method: BidirectionalMethod, messages: AsyncIterator[bytes], call: Call
    ) -> AsyncIterator[bytes]:
        """The answers to any number of messages."""
        async for answer in self._streaming(method, method.handler(messages, call), call):
            yield answer

    async def _streaming(self, method: Method, answers: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        begin_s = time.perf_counter()
        try:
            _admit(call)
            async for answer in answers:
                yield answer
        except Exception as error:
            raise self._failed(method, error, begin_s) from None
        self._passed(method, begin_s)

    def _passed(self, method: Method, begin_s: float) -> None:
        self._count(method, Code.OK, begin_s)

    def _failed(self, method: Method, error: Exception, begin_s: float) -> CallFailedError:
        status = status_of(error)
        self._count(method, status.code, begin_s)
        if is_ours(status):
            logger.error("call_failed", method=name_of(method), exc_info=error)
        return CallFailedError(status)

    def _count(self, method: Method, code: Code, begin_s: float) -> None:
        if method.group != "open":
            self._note(Answered(name_of(method), code, time.perf_counter() - begin_s))


def _admit(call: Call) -> None:
    """Refuse a call that nobody waits for any more."""
    if not call.is_wanted:
        raise DeadlinePassedError
