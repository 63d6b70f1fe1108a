"""A conversation with bytes changed, left out, added and cut anywhere: it is answered or ended, and never a failure."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import hpack
import structlog
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from grpc_api.gate import Gate
from grpc_api.http2.connection import Connection
from grpc_api.http2.limits import Limits, Room
from grpc_api.meter import Meter
from grpc_api.metrics import ScorerMetrics
from tests.grpc_api.http2.serving import PREFACE, REQUEST, SERVICE, Things, message

N_CONVERSATIONS = 1_500
ROOM = 2**24


class Wire:
    """A transport to nowhere that keeps what it is given."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 1) if name == "peername" else None

    abort = close

    def set_write_buffer_limits(self, high: int) -> None:
        pass


def conversation() -> list[bytes]:
    """Frames of every kind, calls of every kind, all as they should be."""
    encoder = hpack.Encoder()

    def head(stream: int, path: str, flags: list[str], *more: tuple[str, str]) -> HeadersFrame:
        fields = {**dict(REQUEST), ":path": SERVICE + path, **dict(more)}
        return HeadersFrame(stream, data=encoder.encode(list(fields.items())), flags=flags)

    frames: list[Any] = [
        SettingsFrame(0, settings={4: 100_000, 5: 20_000}),
        head(1, "Echo", ["END_HEADERS"], ("grpc-timeout", "5S"), ("x-key", "value")),
        message(1, b"hello"),
        head(3, "Count", ["END_HEADERS", "PADDED", "PRIORITY"]),
        message(3, b"3 100"),
        WindowUpdateFrame(0, window_increment=1_000),
        WindowUpdateFrame(3, window_increment=1_000),
        PriorityFrame(5, depends_on=3),
        head(5, "EchoAll", ["END_HEADERS"], ("grpc-encoding", "gzip")),
        message(5, b"one", is_last=False),
        message(5, b"two", is_last=False),
        head(7, "Wait", ["END_HEADERS"]),
        message(7, b"60"),
        RstStreamFrame(7, error_code=8),
        *in_two(head(9, "Echo", [])),
        DataFrame(9, data=b"\0\0\0\0\5he", flags=["PADDED"], pad_length=3),
        DataFrame(9, data=b"llo"),
        HeadersFrame(9, data=encoder.encode([("x-trailer", "end")]), flags=["END_HEADERS", "END_STREAM"]),
        PingFrame(0, opaque_data=b"12345678"),
        SettingsFrame(0, flags=["ACK"]),
        head(11, "Fail", ["END_HEADERS"]),
        message(11, b"wrong"),
        message(5, b"three"),
        GoAwayFrame(0, last_stream_id=0),
    ]
    return [PREFACE, *(frame.serialize() for frame in frames)]


def in_two(head: HeadersFrame) -> tuple[HeadersFrame, ContinuationFrame]:
    """A header block in two frames."""
    head.data, rest = head.data[:5], head.data[5:]
    return head, ContinuationFrame(head.stream_id, data=rest, flags=["END_HEADERS"])


def changed(parts: list[bytes], dice: random.Random) -> bytes:
    """The conversation with something wrong in it: whole frames moved or repeated, or single bytes."""
    parts = list(parts)
    for _ in range(dice.randrange(3)):
        at = dice.randrange(1, len(parts))
        part = parts.pop(at) if dice.random() < 0.7 else parts[at]
        if dice.random() < 0.7:
            parts.insert(dice.randrange(1, len(parts) + 1), part)
    data = bytearray(b"".join(parts))
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(PREFACE), len(data))
        kind = dice.randrange(4)
        if kind == 0:
            data[at] = dice.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 2:
            del data[at : at + dice.randrange(1, 6)]
        else:
            data[at:at] = dice.randbytes(dice.randrange(1, 6))
    return bytes(data)


async def talk(data: bytes, dice: random.Random, room: Room) -> Wire:
    """Say all this in some portions, and hang up."""
    things, wire = Things(), Wire()
    connection = Connection(
        methods=things.methods(),
        gate=Gate(Meter(ScorerMetrics())),
        limits=Limits(message_bytes=100_000),
        room=room,
        loop=asyncio.get_running_loop(),
        on_open=lambda _: None,
        on_close=lambda _: None,
    )
    loop = asyncio.get_running_loop()
    loop.call_soon(connection.connection_made, cast("asyncio.Transport", wire))
    at = 0
    while at < len(data) and not wire.closed:
        end = at + dice.choice((1, 9, 50, 5_000))
        loop.call_soon(connection.data_received, data[at:end])
        await asyncio.sleep(0)
        at = end
    for _ in range(5):
        await asyncio.sleep(0)
    loop.call_soon(connection.connection_lost, None)
    for _ in range(10):
        await asyncio.sleep(0)
    assert things.running == 0
    assert not connection.session.streams
    return wire


def test_no_conversation_makes_the_server_fail() -> None:
    """No defect shows, no handler and no byte of room is left behind."""
    dice = random.Random(5)
    parts = conversation()
    room = Room(ROOM)
    answered = ended = 0

    async def all_of_them() -> None:
        nonlocal answered, ended
        wire = await talk(b"".join(parts), dice, room)
        assert not wire.closed
        assert b"hello" in wire.written
        for _ in range(N_CONVERSATIONS):
            wire = await talk(changed(parts, dice), dice, room)
            ended += wire.closed
            answered += not wire.closed

    with structlog.testing.capture_logs() as logs:
        asyncio.run(all_of_them())
    failed = [log for log in logs if log["event"] == "connection_failed"]
    assert failed == []
    assert room.left == ROOM
    assert answered > N_CONVERSATIONS / 10
    assert ended > N_CONVERSATIONS / 10
