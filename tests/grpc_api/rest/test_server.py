"""How many connections the gateway takes, and that those to the gRPC port count with them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

from features.settings import TlsSettings
from grpc_api.http2.door import Places, Turned
from grpc_api.http2.listener import open_listener
from grpc_api.http2.tls import ServerTls
from grpc_api.rest.server import RestServer
from tests.redis_servers import Authority
from tests.waiting import wait_until_async

DEADLINE_S = 30.0
HERE, THERE, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(
    places: Places, turned: list[Turned] | None = None, tls: ServerTls | None = None
) -> AsyncIterator[RestServer]:
    """A gateway that has no routes: it answers 404."""
    turned = [] if turned is None else turned
    server = RestServer(
        FastAPI(),
        listen=lambda: open_listener("127.0.0.1", 0),
        places=places,
        tls=tls,
        on_turned_away=turned.append,
    )
    await server.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield server
    finally:
        await server.stop(1.0)


async def connect(server: RestServer, address: str = HERE) -> Peer:
    return await asyncio.open_connection("127.0.0.1", server.port, local_addr=(address, 0))


async def is_answered(peer: Peer) -> bool:
    """Whether a request comes to its routes; otherwise the connection is closed before a word is said."""
    reader, writer = peer
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        return (await reader.read(12)) == b"HTTP/1.1 404"
    except ConnectionError:
        return False


async def is_let_in(server: RestServer, address: str = HERE) -> bool:
    """Whether one connection more would be answered."""
    peer = await connect(server, address)
    try:
        return await is_answered(peer)
    finally:
        peer[1].close()


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127/8 are this machine's on Linux alone")
async def test_there_are_so_many_connections_and_half_of_them_from_one_address() -> None:
    """Idle ones too; those that are one too many are hung up on and counted, and one that ends makes room."""
    places, turned = Places(4), list[Turned]()
    async with serving(places, turned) as server:
        inside = [await connect(server, address) for address in (HERE, HERE, THERE)]
        await wait_until_async(lambda: places.n_taken == 3)
        assert not await is_let_in(server, HERE)
        inside.append(await connect(server, THERE))
        assert not await is_let_in(server, ELSEWHERE)
        assert turned == ["address", "full"]
        assert [await is_answered(peer) for peer in inside] == [True] * 4
        inside.pop()[1].close()
        await wait_until_async(lambda: places.n_taken == 3)
        assert await is_let_in(server, ELSEWHERE)
        for _, writer in inside:
            writer.close()
        await wait_until_async(lambda: places.n_taken == 0)


async def test_connections_of_the_other_port_count() -> None:
    """They use up files of the same process."""
    places = Places(2)
    async with serving(places) as server:
        places.take("10.0.0.1")
        places.take("10.0.0.2")
        assert not await is_let_in(server)
        places.give("10.0.0.1")
        assert await is_let_in(server)


async def test_handshakes_that_fail_make_room_again(tmp_path: Path) -> None:
    """While they are under way they count."""
    certificate, key = Authority(tmp_path).issue("server")
    places = Places(2)
    async with serving(places, tls=ServerTls(TlsSettings(certificate=certificate, key=key))) as server:
        for _ in range(3):
            reader, writer = await connect(server)
            await wait_until_async(lambda: places.n_taken == 1)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await reader.read()
            writer.close()
            await wait_until_async(lambda: places.n_taken == 0)


async def test_a_server_that_stops_gives_back_its_places() -> None:
    """Those of handshakes that never end among them."""
    places = Places(8)
    async with serving(places) as server:
        peers = [await connect(server) for _ in range(3)]
        await wait_until_async(lambda: places.n_taken == 3)
    await wait_until_async(lambda: places.n_taken == 0)
    for _, writer in peers:
        writer.close()
