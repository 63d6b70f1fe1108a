"""A client of HTTP/1.1 that sends what it is given, right or wrong, and hangs up as callers do that are gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Final, NamedTuple

MOST_HEAD_BYTES: Final = 64 * 1_024
AT_ONCE: Final = struct.pack("ii", 1, 0)
"""To close a connection by a reset, which leaves no port behind that waits."""


class HttpResponse(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpWire:
    """One connection at a time to one server."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, data: bytes, verb: str, patience_s: float, *, keeps: bool) -> HttpResponse | None:
        """The response; None where none is waited for, or the server hung up without one."""
        response = None
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            async with asyncio.timeout(patience_s):
                reader, writer = await self._open()
                writer.write(data)
                await writer.drain()
                response = await _read(reader, verb)
        if response is None or not keeps or response.headers.get("connection") == "close":
            self.hang_up()
        return response

    def hang_up(self) -> None:
        """At once."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            streams = await asyncio.open_connection(self._host, self._port, limit=MOST_HEAD_BYTES)
            streams[1].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self._streams = streams
        return self._streams


async def _read(reader: asyncio.StreamReader, verb: str) -> HttpResponse:
    """The response; ValueError where it is none."""
    status = 100
    while status < 200:  # the server says first that it is listening
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    if verb == "HEAD" or status in {204, 304}:
        return HttpResponse(status, headers, b"")
    if "content-length" in headers:
        return HttpResponse(status, headers, await reader.readexactly(int(headers["content-length"])))
    return HttpResponse(status, headers, await _read_chunks(reader))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
