"""Connections of the gateway: heads have a size and a time, and what is no request is told so."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from uvicorn import Config
from uvicorn.server import ServerState

from grpc_api.http2.door import Places
from grpc_api.http2.listener import open_listener
from grpc_api.http2.patience import LEAST_BYTES_PER_S
from grpc_api.rest.protocol import HEAD_S, STALL_S, GatewayProtocol
from grpc_api.rest.server import KEEP_ALIVE_S, RestServer

DEADLINE_S = 20.0
CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
REFUSED = {"error": "request: cannot be read; send HTTP/1.1, with a head of at most 65536 bytes"}


async def answer_to(data: bytes) -> tuple[bytes, Any]:
    """Status line and body of what a gateway says before it hangs up."""
    server = RestServer(FastAPI(), listen=lambda: open_listener("127.0.0.1", 0), places=Places(100))
    await server.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(data)
            await writer.drain()
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
    finally:
        await server.stop(1.0)
    return head.partition(b"\r\n")[0], json.loads(body)


async def test_what_is_no_request_is_told_so() -> None:
    """In the form of all refusals."""
    for data in (
        b"\x16\x03\x01\x02\x00",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ):
        assert await answer_to(data) == (
            b"HTTP/1.1 400 Bad Request",
            REFUSED,
        )


async def test_a_head_without_an_end_is_refused() -> None:
    """Many headers, or one that is long."""
    for data in (b"a: b\r\n" * 20_000, b"a: " + b"b" * 120_000):
        assert await answer_to(b"GET / HTTP/1.1\r\n" + data) == (b"HTTP/1.1 400 Bad Request", REFUSED)


async def test_a_refusal_is_seen_though_more_is_on_its_way() -> None:
    """What comes is thrown away for a while: who is cut off in the middle may not see the answer."""
    assert await answer_to(b"\x16\x03\r\n\r\n" + bytes(8_000_000)) == (b"HTTP/1.1 400 Bad Request", REFUSED)


async def test_a_body_that_breaks_off_has_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever its route would have said after that is said to nobody."""
    assert await answer_to(CHUNKED + b"zz\r\n") == (b"HTTP/1.1 400 Bad Request", REFUSED)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_an_answer_is_not_followed_by_another() -> None:
    """Where the body of the request breaks off after it."""
    protocol, _timers, line = connected()
    protocol.data_received(CHUNKED)
    await protocol.cycle.send({"type": "http.response.start", "status": 401, "headers": []})
    begun = len(line.written)
    protocol.data_received(b"zz\r\n")
    await protocol.cycle.send({"type": "http.response.body", "body": b"", "more_body": False})
    assert begun
    assert line.written[begun:] == []


class Timers:
    """A loop that keeps what it is to do later."""

    def __init__(self) -> None:
        self.waiting: list[Timer] = []

    def call_later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        timer = Timer(self, delay_s, action)
        self.waiting.append(timer)
        return timer

    def create_task(self, work: Any, **_named: Any) -> Any:
        work.close()
        return asyncio.get_running_loop().create_future()


class Timer:
    """One of them."""

    def __init__(self, timers: Timers, delay_s: float, action: Callable[[], None]) -> None:
        self.timers = timers
        self.delay_s = delay_s
        self.action = action

    def cancel(self) -> None:
        self.timers.waiting.remove(self)


class Line(asyncio.Transport):
    """A connection to nobody."""

    is_up = True

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""
        self.written.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Nobody waits for it."""

    def pause_reading(self) -> None:
        """What is there stays."""

    def resume_reading(self) -> None:
        """There is nothing to read."""

    def is_closing(self) -> bool:
        return not self.is_up

    def abort(self) -> None:
        self.is_up = False

    def get_write_buffer_size(self) -> int:
        return 10 * LEAST_BYTES_PER_S


def connected() -> tuple[GatewayProtocol, Timers, Line]:
    """One side of a connection, what it waits for, and the connection."""
    timers, line = Timers(), Line()
    config = Config(FastAPI(), log_config=None, lifespan="off", timeout_keep_alive=KEEP_ALIVE_S)
    protocol = GatewayProtocol(config, ServerState(), {}, timers)
    protocol.connection_made(line)
    return protocol, timers, line


async def test_a_head_is_not_waited_for_for_ever() -> None:
    """Neither on a new connection nor in the middle of one, however often a little more of it comes."""
    protocol, timers, line = connected()
    assert [timer.delay_s for timer in timers.waiting] == [HEAD_S]
    first = timers.waiting[0]
    for data in (b"GET / HTTP/1.1\r\n", b"host:"):
        protocol.data_received(data)
        assert timers.waiting == [first]
    first.action()
    assert not line.is_up
    protocol.connection_lost(ConnectionAbortedError())
    assert timers.waiting == []


async def test_a_request_whose_head_is_there_has_its_own_time() -> None:
    """That of its body and its answer."""
    protocol, timers, line = connected()
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
    assert timers.waiting == []
    protocol.data_received(b"12345")
    assert timers.waiting == []
    assert line.is_up


async def refuse(protocol: GatewayProtocol) -> None:
    """Answer a request whose body is still to come."""
    await protocol.cycle.send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await protocol.cycle.send({"type": "http.response.body", "body": b"", "more_body": False})


async def test_the_rest_of_a_refused_body_is_not_waited_for_for_ever() -> None:
    """It has the time of a head; once it is there the connection is one that waits for a request."""
    protocol, timers, line = connected()
    for _ in range(2):
        protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
        assert timers.waiting == []
        await refuse(protocol)
        assert [timer.delay_s for timer in timers.waiting] == [KEEP_ALIVE_S, HEAD_S]
        for part in (b"123", b"456"):
            protocol.data_received(part)
            assert [timer.delay_s for timer in timers.waiting] == [HEAD_S]
        protocol.data_received(b"7890")
        assert [timer.delay_s for timer in timers.waiting] == [KEEP_ALIVE_S]
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
    await refuse(protocol)
    timers.waiting[-1].action()  # none of it has come
    assert not line.is_up


async def test_what_came_of_the_next_head_during_an_answer_has_its_time() -> None:
    """From the end of that answer on."""
    protocol, timers, _line = connected()
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
    protocol.data_received(b"GET / HT")
    assert timers.waiting == []
    await refuse(protocol)
    assert [timer.delay_s for timer in timers.waiting] == [KEEP_ALIVE_S, HEAD_S]


async def test_an_answer_that_nobody_takes_is_not_kept() -> None:
    """A long one has more time; a peer that reads on has it anew."""
    protocol, timers, line = connected()
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    for _ in range(2):
        protocol.pause_writing()
        assert [timer.delay_s for timer in timers.waiting] == [STALL_S + 10]
        protocol.resume_writing()
        assert timers.waiting == []
    protocol.pause_writing()
    timers.waiting[0].action()
    assert not line.is_up
    protocol.connection_lost(ConnectionAbortedError())
    assert timers.waiting == []
