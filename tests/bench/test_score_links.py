"""The load generator of the scorer's bench speaks gRPC and HTTP as their own servers understand them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import repeat
from typing import Any

import grpc.aio
import numpy as np
import pytest
import uvloop

from deploy.score_bench.grpc_link import GrpcDoor
from deploy.score_bench.http_link import CONNECTIONS, HttpDoor, is_whole, post
from deploy.score_bench.latencies import Taken, to_latencies
from deploy.score_bench.link import Link
from deploy.score_bench.load import closed_loop, open_loop
from features.errors import NotServingError

HOST = "127.0.0.1"
METHOD = "/bench.Echo/Say"


@pytest.fixture
async def heard() -> list[tuple[bytes, dict[str, str]]]:
    """What the gRPC server below was asked, with the metadata of each call."""
    return []


@pytest.fixture
async def grpc_port(heard: list[tuple[bytes, dict[str, str]]]) -> AsyncIterator[int]:
    """A server of grpc's own; it refuses requests that say so."""

    async def say(request: bytes, context: Any) -> bytes:
        heard.append((request, dict(context.invocation_metadata())))
        if request == b"refuse":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "as it was told")
        return request * 2

    server = grpc.aio.server()
    handlers = {"Say": grpc.unary_unary_rpc_method_handler(say)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    yield port
    await server.stop(None)


async def echo(request: bytes, _context: Any) -> bytes:
    """What it is told."""
    return request


async def ask(link: Link, request: bytes) -> bool:
    """One call; whether an answer came."""
    answered = asyncio.get_running_loop().create_future()
    link.send(request, answered.set_result)
    return bool(await asyncio.wait_for(answered, 10))


async def test_grpc_answers_calls_of_every_size_over_one_connection(
    grpc_port: int, heard: list[tuple[bytes, dict[str, str]]]
) -> None:
    """The first call, whose header fields fill the server's table; later ones, which point into it; and large ones."""
    link = await GrpcDoor(METHOD).open(HOST, grpc_port)
    requests = [b"", b"a", b"b" * 300, b"c" * 60_000, b"d"]
    answered = await asyncio.gather(*(ask(link, request) for request in requests))
    link.close()
    assert answered == [True] * len(requests)
    assert sorted(request for request, _ in heard) == sorted(requests)
    assert {metadata["user-agent"] for _, metadata in heard} == {"millstream-bench"}


async def test_a_refusal_is_no_answer(grpc_port: int) -> None:
    """Nor is what is asked of a connection that is closed; the call after a refusal goes through."""
    link = await GrpcDoor(METHOD).open(HOST, grpc_port)
    assert [await ask(link, each) for each in (b"refuse", b"x")] == [False, True]
    link.close()
    assert not await ask(link, b"y")


async def test_loads_ask_as_often_as_they_say(grpc_port: int, heard: list[tuple[bytes, dict[str, str]]]) -> None:
    """A closed loop has an answer to each call; an open one sends as many as were planned, however long they take."""
    link = await GrpcDoor(METHOD).open(HOST, grpc_port)
    closed = await closed_loop(link, repeat(b"x"), 4, 0.1)
    assert (len(closed.took_ns), closed.failed) == (len(heard), 0)
    assert len(heard) >= 4
    heard.clear()
    opened = await open_loop(link, repeat(b"x"), 500, 0.2, np.random.default_rng(1))
    link.close()
    assert (len(opened.took_ns), opened.failed, len(heard)) == (100, 0, 100)
    assert min(opened.took_ns) > 0


class HttpServer(asyncio.Protocol):
    """One connection to a server that answers all but requests that say otherwise."""

    opened = 0

    def connection_made(self, transport: Any) -> None:
        HttpServer.opened += 1
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        status = b"500 Internal Server Error" if data.endswith(b"refuse") else b"200 OK"
        self._transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n")
        self._transport.write(b"ok")


async def test_http_asks_again_over_connections_that_stay_open() -> None:
    """More calls than connections; a status other than 200 is no answer."""
    HttpServer.opened = 0
    server = await asyncio.get_running_loop().create_server(HttpServer, HOST, 0)
    link = await HttpDoor().open(HOST, server.sockets[0].getsockname()[1])
    answered = await asyncio.gather(
        *(ask(link, post("/x", b"a")) for _ in range(200)), ask(link, post("/x", b"refuse"))
    )
    link.close()
    server.close()
    await server.wait_closed()
    assert answered == [*[True] * 200, False]
    assert HttpServer.opened == CONNECTIONS


def test_links_open_on_the_loop_that_the_bench_runs_on() -> None:
    """Whose transports are made by uvloop."""

    async def ask_both() -> list[bool]:
        server = grpc.aio.server()
        handlers = {"Say": grpc.unary_unary_rpc_method_handler(echo)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
        port = server.add_insecure_port(f"{HOST}:0")
        await server.start()
        http = await asyncio.get_running_loop().create_server(HttpServer, HOST, 0)
        links = [
            (await GrpcDoor(METHOD).open(HOST, port), b"x"),
            (await HttpDoor().open(HOST, http.sockets[0].getsockname()[1]), post("/x", b"x")),
        ]
        answered = [await ask(link, request) for link, request in links]
        for link, _ in links:
            link.close()
        http.close()
        await server.stop(None)
        return answered

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask_both()) == [True, True]


@pytest.mark.parametrize(
    ("received", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_is_whole_with_all_of_its_body(received: bytes, whole: bool) -> None:
    """By its length, or by its last chunk."""
    assert is_whole(bytearray(received)) is whole


def test_latencies_are_of_all_rounds_and_the_pace_of_the_median_one() -> None:
    """One in a hundred may be lost, two not."""
    rounds = [Taken([1_000_000] * 99, 0, 1.0), Taken([3_000_000] * 100, 1, 2.0), Taken([1_000_000] * 100, 0, 0.1)]
    found = to_latencies("x", rounds)
    assert (found.p50_ms, found.p99_ms, found.per_second, found.calls, found.failed) == (1.0, 3.0, 99.0, 299, 1)
    with pytest.raises(NotServingError, match="did not answer 2 of 102 calls"):
        to_latencies("x", [Taken([1] * 100, 2, 1.0)])
