"""HTTP/1.1 as a load generator speaks it: one request at a time on each of some connections that stay open."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import Final, cast

from deploy.score_bench.link import Done, Door, Link

CONNECTIONS: Final = 64
LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
LAST_CHUNK: Final = b"0\r\n\r\n"


class HttpDoor(Door):
    """Opens links whose requests are written by `post`."""

    async def open(self, host: str, port: int) -> Link:
        """See `Door.open`."""
        link = HttpLink()
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Connection(link), host, port)
        return link


class HttpLink:
    """The connections, the last one that became idle first."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self._connections: list[Connection] = []
        self._waiting: deque[tuple[bytes, Done]] = deque()

    def send(self, request: bytes, done: Done) -> None:
        """See `Link.send`."""
        if self.idle:
            self.idle.pop().ask(request, done)
        else:
            self._waiting.append((request, done))

    def close(self) -> None:
        """See `Link.close`."""
        for connection in self._connections:
            connection.close()

    def join(self, connection: Connection) -> None:
        """One more."""
        self._connections.append(connection)
        self.rest(connection)

    def rest(self, connection: Connection) -> None:
        """It has nothing to do: the next request is its."""
        if self._waiting:
            connection.ask(*self._waiting.popleft())
        else:
            self.idle.append(connection)

    def leave(self, connection: Connection) -> None:
        """It was closed; with the last one, nothing that waits will be asked."""
        self._connections.remove(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        while self._waiting and not self._connections:
            self._waiting.popleft()[1](False)


class Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, link: HttpLink) -> None:
        self._link = link
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._done: Done | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        self._link.join(self)

    def ask(self, request: bytes, done: Done) -> None:
        """Send a request."""
        self._done = done
        self._transport.write(request)

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Wait for a whole answer; it counts where its status is 200."""
        self._received += data
        if not is_whole(self._received):
            return
        answered = self._received[9:12] == b"200"
        self._received.clear()
        done, self._done = self._done, None
        if done is not None:
            done(answered)
        self._link.rest(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """What was asked will not be answered."""
        self._link.leave(self)
        if self._done is not None:
            self._done(False)


def is_whole(received: bytearray) -> bool:
    """Whether these bytes are an answer with all of its body."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = LENGTH.search(received, 0, end)
    if length is not None:
        return len(received) >= end + 4 + int(length[1])
    return CHUNKED.search(received, 0, end) is None or received.endswith(LAST_CHUNK)


def post(path: str, body: bytes) -> bytes:
    """A request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
