"""What every call passes on its way to its method and back: let in or refused, counted, and its errors told.

The same for every transport. Out of the gate come answers and `CallFailedError`, nothing else. A call is let in before
the first wait, so a transport that begins a call where it has read the request refuses it there, before it queues.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog

from features.settings import ScorerSettings
from grpc_api.call import Call
from grpc_api.call_trace import CallTraces
from grpc_api.load import Load
from grpc_api.meter import Answered, Doubted, Meter, Shed
from grpc_api.methods import BidirectionalMethod, Method, ServerStreamingMethod, UnaryMethod, name_of
from grpc_api.rate_limit import RateLimit
from grpc_api.refusals import ExhaustedError, NotPermittedError, RateLimitedError, Shedding, UnauthenticatedError
from grpc_api.status import Code, DeadlinePassedError, Status, is_ours, status_of

if TYPE_CHECKING:
    from grpc_api.access.authenticator import Authenticator

logger: Final = structlog.get_logger(__name__)


class CallFailedError(Exception):
    """A call that ends without an answer; ``status`` is what its caller is told."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


class Gate:
    """Calls methods.

    Parameters
    ----------
    meter
        Told of every call that is not `open`.
    load
        Lets in the calls that can be answered in time; None: all.
    authenticator, rate_limit
        Who calls, and how often they may; None: everybody, and any number of times. `open` methods are not asked about.
        Each message of a stream counts like a call.
    traces
        Which calls are traced, `open` ones aside; None: none.

    """

    def __init__(
        self,
        meter: Meter,
        *,
        load: Load | None = None,
        authenticator: Authenticator | None = None,
        rate_limit: RateLimit | None = None,
        traces: CallTraces | None = None,
    ) -> None:
        self._note = meter.note
        self._load = load
        self._authenticator = authenticator
        self._rate_limit = rate_limit
        self._asks = authenticator is not None or rate_limit is not None
        self._traces = traces

    async def unary(self, method: UnaryMethod, data: bytes, call: Call) -> bytes:
        """The answer to one message."""
        begin_s = self._begin(method, call)
        try:
            self._enter(method, call)
            try:
                answer = await method.handler(data, call)
            finally:
                self._leave(method)
        except Exception as error:
            raise self._failed(method, call, error, begin_s) from None
        except asyncio.CancelledError:
            self._abandoned(method, call, begin_s)
            raise
        self._end(method, call, None, begin_s)
        return answer

    @contextmanager
    def opened(self, method: UnaryMethod, call: Call) -> Iterator[None]:
        """Turn a call away, if it is to be, before its message is read; `answer` it within.

        For transports that would otherwise read and parse what a caller sends before they know who that is. All that
        goes wrong within is the call's failure.
        """
        begin_s = self._begin(method, call)
        try:
            if method.group != "open":
                remaining_s = self._admit(method, call)
                if self._load is not None:
                    self._load.check(remaining_s)
            yield
        except Exception as error:
            raise self._failed(method, call, error, begin_s) from None
        except asyncio.CancelledError:
            self._abandoned(method, call, begin_s)
            raise
        self._end(method, call, None, begin_s)

    async def answer(self, method: UnaryMethod, data: bytes, call: Call) -> bytes:
        """The answer to the message of a call that was `opened`; it takes its place among the others only now."""
        if self._load is None or method.group == "open":
            return await method.handler(data, call)
        self._load.enter(_remaining_s(call))
        try:
            return await method.handler(data, call)
        finally:
            self._load.leave()

    async def server_streaming(self, method: ServerStreamingMethod, data: bytes, call: Call) -> AsyncIterator[bytes]:
        """The answers to one message."""
        async for answer in self._streaming(method, method.handler(data, call), call):
            yield answer

    async def bidirectional(
        self, method: BidirectionalMethod, messages: AsyncIterator[bytes], call: Call
    ) -> AsyncIterator[bytes]:
        """The answers to any number of messages."""
        if self._rate_limit is not None and method.group != "open":
            messages = self._limited(messages, call, self._rate_limit)
        async for answer in self._streaming(method, method.handler(messages, call), call):
            yield answer

    def reconsider(self, method: Method, call: Call) -> Status | None:
        """Why a call that was let in may not go on, for its key has been taken back or its token has expired since.

        None where it may; the transport asks from time to time, and ends the call.
        """
        if self._authenticator is None or method.group == "open":
            return None
        try:
            caller = self._authenticator.still(call.metadata)
            if method.group not in caller.groups:
                raise NotPermittedError(caller.name, method.group)
        except (UnauthenticatedError, NotPermittedError) as error:
            logger.info("call_taken_back", method=name_of(method), **call.names())
            self._note(Doubted("revoked"))
            return status_of(error)
        return None

    def note_shed(self, why: Shedding) -> None:
        """The transport had no room for a call."""
        self._note(Shed(why))

    async def _streaming(self, method: Method, answers: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        begin_s = self._begin(method, call)
        try:
            self._enter(method, call, streams=True)
            try:
                async for answer in answers:
                    yield answer
            finally:
                self._leave(method, streams=True)
        except Exception as error:
            raise self._failed(method, call, error, begin_s) from None
        except (asyncio.CancelledError, GeneratorExit):
            self._abandoned(method, call, begin_s)
            raise
        self._end(method, call, None, begin_s)

    async def _limited(self, messages: AsyncIterator[bytes], call: Call, limit: RateLimit) -> AsyncIterator[bytes]:
        """The messages, the first of which is paid for by the call, and each other for itself."""
        is_first = True
        async for message in messages:
            if not is_first:
                self._pay(client_of(call), limit)
            is_first = False
            yield message

    def _enter(self, method: Method, call: Call, *, streams: bool = False) -> None:
        """Let a call in, or raise why not."""
        if method.group == "open":
            return
        remaining_s = self._admit(method, call)
        if self._load is not None:
            self._load.enter(remaining_s, streams=streams)

    def _admit(self, method: Method, call: Call) -> float | None:
        """The time that a call has left which its caller may make, or raise why not."""
        if self._asks:
            self._ask(method, call)
        return _remaining_s(call)

    def _leave(self, method: Method, *, streams: bool = False) -> None:
        if self._load is not None and method.group != "open":
            self._load.leave(streams=streams)

    def _ask(self, method: Method, call: Call) -> None:
        """Find out who calls, and whether they may."""
        if self._authenticator is not None:
            caller = self._authenticator.caller(call.metadata, address_of(call))
            call.client = caller.name
            if method.group not in caller.groups:
                raise NotPermittedError(caller.name, method.group)
        if self._rate_limit is not None:
            self._pay(client_of(call), self._rate_limit)

    def _pay(self, client: str, limit: RateLimit) -> None:
        wait_s = limit.take(client)
        if wait_s:
            raise RateLimitedError(client, wait_s)

    def _begin(self, method: Method, call: Call) -> float:
        """When a call began."""
        if self._traces is not None and method.group != "open":
            call.trace = self._traces.begin(method.path, call.metadata)
        return time.perf_counter()

    def _abandoned(self, method: Method, call: Call, begin_s: float) -> None:
        """The transport has told the caller why it ends the call, or the caller has hung up."""
        remaining_s = call.remaining_s()
        is_late = remaining_s is not None and remaining_s <= 0
        code = Code.DEADLINE_EXCEEDED if is_late else Code.CANCELLED
        self._end(method, call, call.told or Status(code, "nobody waits for the answer"), begin_s)

    def _failed(self, method: Method, call: Call, error: Exception, begin_s: float) -> CallFailedError:
        if isinstance(error, CallFailedError):  # the transport could not read a message, and says why
            self._end(method, call, error.status, begin_s)
            return error
        status = status_of(error)
        if isinstance(error, ExhaustedError):
            self._note(Shed(error.shedding))
        elif isinstance(error, UnauthenticatedError):
            self._note(Doubted(error.doubt))
        self._end(method, call, status, begin_s)
        if is_ours(status):
            logger.error("call_failed", method=name_of(method), **call.names(), exc_info=error)
        return CallFailedError(status)

    def _end(self, method: Method, call: Call, failure: Status | None, begin_s: float) -> None:
        """Count a call that has ended."""
        if method.group == "open":
            return
        code = Code.OK if failure is None else failure.code
        self._note(Answered(name_of(method), code, time.perf_counter() - begin_s))
        if call.trace is not None:
            call.trace.end(failure)
            self._note(call.trace)


def address_of(call: Call) -> str:
    """Where a call comes from, without its port, of which each connection has its own."""
    return call.peer.rpartition(":")[0]


def client_of(call: Call) -> str:
    """Who is held to a rate: whoever a key or token names, else a certificate, else whoever calls from there."""
    return call.client or call.certificate or address_of(call)


def _remaining_s(call: Call) -> float | None:
    """The time that a call has left; DeadlinePassedError where nobody waits for its answer any more."""
    remaining_s = call.remaining_s()
    if call.cancelled or (remaining_s is not None and remaining_s <= 0):
        raise DeadlinePassedError
    return remaining_s


def gate_of(settings: ScorerSettings, *, meter: Meter, load: Load, traces: CallTraces | None = None) -> Gate:
    """The gate that settings describe; SettingsError where a file that they name cannot be used."""
    authenticator = rate_limit = None
    if settings.auth.required:
        from grpc_api.access.authenticator import Authenticator  # with it comes cryptography, 50 ms of a start

        authenticator = Authenticator(settings.auth)
    if settings.rate_limit_per_s is not None:
        rate_limit = RateLimit(settings.rate_limit_per_s, settings.rate_limit_burst)
    return Gate(meter, load=load, authenticator=authenticator, rate_limit=rate_limit, traces=traces)
