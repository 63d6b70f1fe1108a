"""Bodies that are too large are refused before they are read whole, in the form of all other refusals."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyTooLargeError(HTTPException):
    """A body, or what its header says of it, is larger than may be; the rest of it is not read."""

    def __init__(self, most_bytes: int) -> None:
        text = f"body: is larger than {most_bytes} bytes; send less at a time"
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, {"connection": "close"})


class BodyLimit:
    """Middleware that lets a route read ``most_bytes`` at most; FastAPI's own answers in plain text."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and what is read of its body; BodyTooLargeError to who reads too much."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared, came = Headers(scope=scope).get("content-length", ""), 0

        async def counted() -> Message:
            nonlocal came
            if declared.isdecimal() and int(declared) > self._most_bytes:
                raise BodyTooLargeError(self._most_bytes)
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._most_bytes:
                raise BodyTooLargeError(self._most_bytes)
            return message

        await self._app(scope, counted, send)
