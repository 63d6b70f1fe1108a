"""The methods on grpc.aio: converts its contexts into calls and failures into its aborts, and knows nothing else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio

from features.errors import SettingsError
from grpc_api.call import Call
from grpc_api.gate import CallFailedError, Gate
from grpc_api.methods import BidirectionalMethod, Method, Methods, ServerStreamingMethod, UnaryMethod

MESSAGE_BYTES: Final = 64 * 2**20
_GRPC_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class AioTransport:
    """A server of these methods. ``port`` is where it listens once it was started.

    Parameters
    ----------
    methods, gate
        What is served, and what every call passes.
    host, port
        Where to listen; port 0 takes a free one.

    """

    def __init__(self, *, methods: Methods, gate: Gate, host: str, port: int) -> None:
        self._methods = methods
        self._gate = gate
        self._host = host
        self.port = port
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen and answer; SettingsError when the port is taken."""
        self._server = server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # a port that another scorer holds is an error, not a lottery
                ("grpc.max_receive_message_length", MESSAGE_BYTES),
                ("grpc.max_send_message_length", MESSAGE_BYTES),
            ]
        )
        handlers = {path: _handler(method, self._gate) for path, method in self._methods.items()}
        server.add_generic_rpc_handlers((_Table(handlers),))
        try:
            self.port = server.add_insecure_port(f"{self._host}:{self.port}")
        except RuntimeError as error:
            raise SettingsError(
                "MILLSTREAM_SCORER__PORT",
                f"cannot listen on {self._host}:{self.port} ({error})",
                "choose a free port, or 0",
            ) from error
        await server.start()

    async def stop(self, drain_s: float) -> None:
        """Take no more calls, let those in flight end, and end those that have not after that time."""
        if self._server is not None:
            await self._server.stop(drain_s)


class _Table(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # of bytes
    """Finds a call's handler by its path."""

    def __init__(self, handlers: dict[str, Any]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """See `grpc.GenericRpcHandler`."""
        return self._handlers.get(handler_call_details.method)


def _handler(method: Method, gate: Gate) -> Any:
    """A method as grpc.aio wants it."""
    if isinstance(method, UnaryMethod):

        async def unary(data: bytes, context: Any) -> bytes:
            try:
                return await gate.unary(method, data, _to_call(context))
            except CallFailedError as failed:
                await _abort(context, failed)
                raise

        return grpc.unary_unary_rpc_method_handler(unary)
    if isinstance(method, ServerStreamingMethod):

        async def server_streaming(data: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                async for answer in gate.server_streaming(method, data, _to_call(context)):
                    yield answer
            except CallFailedError as failed:
                await _abort(context, failed)

        return grpc.unary_stream_rpc_method_handler(server_streaming)
    assert isinstance(method, BidirectionalMethod)

    async def bidirectional(messages: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            async for answer in gate.bidirectional(method, messages, _to_call(context)):
                yield answer
        except CallFailedError as failed:
            await _abort(context, failed)

    return grpc.stream_stream_rpc_method_handler(bidirectional)


def _to_call(context: Any) -> Call:
    remaining_s = context.time_remaining()
    return Call(
        deadline_s=None if remaining_s is None else time.monotonic() + remaining_s,
        metadata=dict(context.invocation_metadata()),
        peer=context.peer(),
    )


async def _abort(context: Any, failed: CallFailedError) -> None:
    status = failed.status
    await context.abort(_GRPC_CODES[status.code], status.message)
