"""gRPC as a load generator speaks it: unary calls of one method over one HTTP/2 connection.

Header fields go into the server's table with the first call and are one byte each from then on, as grpc's own clients
send them. An answer counts where a message came and the stream was ended, not reset: a refusal carries none.

References
----------
RFC 9113 (HTTP/2), RFC 7541 (HPACK), and gRPC over HTTP/2.

"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Final, cast

from deploy.score_bench.link import Done, Door, Link

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 1, 4, 3
HEAD: Final = struct.Struct(">HBBBI")
"""Length in two parts, type, flags, stream."""
WINDOW: Final = 2**31 - 1
DEFAULT_WINDOW: Final = 65_535
METHOD_POST, SCHEME_HTTP = b"\x83", b"\x86"
PATH_NAME, AUTHORITY_NAME = 4, 1
FIRST_DYNAMIC: Final = 62
TABLE_SIZE: Final = 4_096
TABLED: Final = 0x40
EMPTY_TABLE: Final = b"\x20"
DEADLINE: Final = "10S"
GREETING_S: Final = 5.0


class GrpcDoor(Door):
    """Opens links that call one method: ``/service/method``."""

    def __init__(self, method: str) -> None:
        self.method = method

    async def open(self, host: str, port: int) -> Link:
        """See `Door.open`."""
        _, link = await asyncio.get_running_loop().create_connection(lambda: GrpcLink(self.method, host), host, port)
        await asyncio.wait_for(link.greeted, GREETING_S)
        return link


class GrpcLink(asyncio.Protocol):
    """One connection."""

    def __init__(self, method: str, authority: str) -> None:
        self.greeted = asyncio.get_running_loop().create_future()
        self._first, self._later, self._untabled = header_blocks(method, authority)
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._calls: dict[int, Done] = {}
        self._with_message: set[int] = set()
        self._waiting: deque[tuple[bytes, Done]] = deque()
        self._next_stream = 1
        self._room = DEFAULT_WINDOW
        self._most_streams = 100  # until the server says what it takes
        self._unread = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        wide = struct.pack(">HI", INITIAL_WINDOW_SIZE, WINDOW)
        grant = struct.pack(">I", WINDOW - DEFAULT_WINDOW)
        self._transport.write(PREFACE + frame(SETTINGS, 0, 0, wide) + frame(WINDOW_UPDATE, 0, 0, grant))

    def send(self, request: bytes, done: Done) -> None:
        """See `Link.send`."""
        if self._transport.is_closing():
            done(False)
        elif self._waiting or not self._may_send(request):
            self._waiting.append((request, done))
        else:
            self._ask(request, done)

    def close(self) -> None:
        """See `Link.close`."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Nothing that was asked will be answered."""
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionResetError("the server closed before it greeted"))
        calls = [*self._calls.values(), *(done for _, done in self._waiting)]
        self._calls.clear()
        self._waiting.clear()
        for done in calls:
            done(False)

    def data_received(self, data: bytes) -> None:
        """Take whole frames."""
        received = self._received
        received += data
        at, end = 0, len(received)
        while end - at >= HEAD.size:
            high, low, kind, flags, stream = HEAD.unpack_from(received, at)
            behind = at + HEAD.size + (high << 8 | low)
            if behind > end:
                break
            self._take(kind, flags, stream & WINDOW, received, at + HEAD.size, behind)
            at = behind
        del received[:at]

    def _take(self, kind: int, flags: int, stream: int, received: bytearray, begin: int, end: int) -> None:
        if kind == DATA:
            self._unread += end - begin
            if end > begin:
                self._with_message.add(stream)
            if self._unread > WINDOW // 2:
                self._transport.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._unread)))
                self._unread = 0
        if kind in {DATA, HEADERS}:
            if flags & END_STREAM:
                self._end(stream, answered=stream in self._with_message)
        elif kind == RST_STREAM:
            self._end(stream, answered=False)
        elif kind == SETTINGS and not flags & ACK:
            self._obey(received[begin:end])
            self._transport.write(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self._transport.write(frame(PING, ACK, 0, bytes(received[begin:end])))
        elif kind == WINDOW_UPDATE and stream == 0:
            self._room += int.from_bytes(received[begin:end], "big")
            self._send_waiting()
        elif kind == GOAWAY:
            self._transport.close()

    def _end(self, stream: int, *, answered: bool) -> None:
        self._with_message.discard(stream)
        done = self._calls.pop(stream, None)
        if done is not None:
            done(answered)
        if self._waiting:
            self._send_waiting()

    def _obey(self, settings: bytearray) -> None:
        for name, value in struct.iter_unpack(">HI", settings):
            if name == MAX_CONCURRENT_STREAMS:
                self._most_streams = value
            if name == HEADER_TABLE_SIZE and value < TABLE_SIZE:
                self._first, self._later = EMPTY_TABLE + self._untabled, self._untabled
        if not self.greeted.done():
            self.greeted.set_result(None)
        self._send_waiting()

    def _may_send(self, request: bytes) -> bool:
        return len(self._calls) < self._most_streams and len(request) + 5 <= self._room

    def _send_waiting(self) -> None:
        while self._waiting and self._may_send(self._waiting[0][0]):
            self._ask(*self._waiting.popleft())

    def _ask(self, request: bytes, done: Done) -> None:
        stream, size = self._next_stream, len(request) + 5
        block = self._first if stream == 1 else self._later
        self._next_stream = stream + 2
        self._room -= size
        self._calls[stream] = done
        self._transport.write(
            b"".join((
                frame(HEADERS, END_HEADERS, stream, block),
                HEAD.pack(size >> 8, size & 0xFF, DATA, END_STREAM, stream),
                b"\0",
                len(request).to_bytes(4, "big"),
                request,
            ))
        )  # fmt: skip


def header_blocks(method: str, authority: str) -> tuple[bytes, bytes, bytes]:
    """The header block of the first call, which fills the server's table; of later ones; and one without the table."""
    fields = [
        (PATH_NAME, "", method),
        (AUTHORITY_NAME, "", authority),
        (0, "te", "trailers"),
        (0, "content-type", "application/grpc"),
        (0, "user-agent", "millstream-bench"),
        (0, "grpc-timeout", DEADLINE),
    ]

    def literals(kind: int) -> bytes:
        parts = [bytes([kind | index]) + (text(name) if name else b"") + text(value) for index, name, value in fields]
        return METHOD_POST + SCHEME_HTTP + b"".join(parts)

    newest_first = range(FIRST_DYNAMIC + len(fields) - 1, FIRST_DYNAMIC - 1, -1)
    return literals(TABLED), METHOD_POST + SCHEME_HTTP + bytes(0x80 | index for index in newest_first), literals(0)


def text(value: str) -> bytes:
    """A string literal of HPACK, shorter than 127 bytes, without Huffman's code."""
    return bytes([len(value)]) + value.encode()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame."""
    return HEAD.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload
