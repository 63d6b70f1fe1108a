"""Bodies of requests: how large one may be, how much of them is held at a time, and what becomes of one nobody reads.

A call that is refused before its body is read is answered at once. A long body may still be on its way then, and a
caller that is cut off in the middle would not see the answer, so the rest is thrown away for a while as it comes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grpc_api.http2.limits import Room
from grpc_api.refusals import OverloadedError
from grpc_api.status import MessageTooLargeError

SHORT_BYTES: Final = 64 * 1_024
"""A body that the connection outlives though nobody reads it."""
LINGER_S: Final = 2.0
"""Time for which the rest of a longer one is thrown away, and what follows something that is no request."""
RETRY_S: Final = 1.0
"""After which there may be room again."""


class Bodies:
    """Middleware that lets routes read bodies of ``most_bytes`` each, and of no more than ``room`` together."""

    def __init__(self, app: ASGIApp, *, most_bytes: int, room: Room) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and what is read of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(Headers(scope=scope), self._most_bytes, self._room, receive, send)
        try:
            await self._app(scope, body.receive, body.send)
        finally:
            body.let_go()


class _Body:
    """The body of one request, between the server and the application."""

    def __init__(self, headers: Headers, most_bytes: int, room: Room, receive: Receive, send: Send) -> None:
        declared = headers.get("content-length", "")
        self._declared = int(declared) if declared.isdecimal() else 0
        is_chunked = "transfer-encoding" in headers
        self._is_over = not self._declared and not is_chunked
        self._is_long = is_chunked or self._declared > SHORT_BYTES
        self._lingers = False
        self._came = 0
        self._most_bytes = most_bytes
        self._room = room
        self._receive, self._send = receive, send

    async def receive(self) -> Message:
        """The next part; MessageTooLargeError as soon as it is too large, OverloadedError where there is no room."""
        if self._declared > self._most_bytes:
            raise self._too_large()
        message = await self._next()
        n_bytes = len(message.get("body", b""))
        if self._came + n_bytes > self._most_bytes:
            raise self._too_large()
        if not self._room.take(n_bytes):
            raise OverloadedError("buffers as much as it may", RETRY_S, "memory")
        self._came += n_bytes
        return message

    async def send(self, message: Message) -> None:
        """Answer, and hang up after it where a long body was not read."""
        if message["type"] == "http.response.start" and self._is_long and not self._is_over:
            self._lingers = True
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif self._lingers and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def let_go(self) -> None:
        """The call is over."""
        self._room.give(self._came)
        self._came = 0

    async def _next(self) -> Message:
        message = await self._receive()
        self._is_over = not message.get("more_body", False)
        return message

    async def _linger(self) -> None:
        n_bytes = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._is_over and n_bytes <= self._most_bytes:
                    n_bytes += len((await self._next()).get("body", b""))

    def _too_large(self) -> MessageTooLargeError:
        return MessageTooLargeError("body", f"is larger than {self._most_bytes} bytes", "send less at a time")
