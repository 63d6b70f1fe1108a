"""Reads of the store in Redis: deadlines, and replies that never go to the wrong call."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from deploy.servers import ValkeyServer
from features.errors import SettingsError, StateCorruptError, StoreUnavailableError
from features.redis_link import open_link
from features.redis_store import RedisStore
from features.settings import StoreSettings
from tests.features.scripted_server import ScriptedServer, hear, wait_for_end
from tests.features.test_redis_link import UnixValkeyServer

ASKED = b"$1\r\nf\r\n"


async def open_reader(settings: StoreSettings) -> RedisStore:
    """Connected; it begins without a word where there is no password."""
    reader = RedisStore("shop", settings, read_only=True)
    await reader.connect()
    return reader


async def ask(reader: RedisStore) -> list[list[bytes | None]]:
    return await reader.read_fields([b"k"], (b"f",))


async def test_the_command_on_the_wire_is_one_hmget_a_key() -> None:
    """All keys in one write, in Redis' protocol."""
    heard = b""

    def conversation(connection: socket.socket) -> None:
        nonlocal heard
        heard = hear(connection, b"l\r\n$1\r\nf\r\n$2\r\ngg\r\n")
        connection.sendall(b"*2\r\n$-1\r\n$1\r\n1\r\n*2\r\n$0\r\n\r\n$-1\r\n")

    with ScriptedServer(conversation) as server:
        reader = await open_reader(server.settings)
        rows = await reader.read_fields([b"k", b"\r\nl"], [b"f", b"gg"])
        await reader.close()
    assert rows == [[None, b"1"], [b"", None]]
    assert heard == (
        b"*4\r\n$5\r\nHMGET\r\n$1\r\nk\r\n$1\r\nf\r\n$2\r\ngg\r\n"
        b"*4\r\n$5\r\nHMGET\r\n$3\r\n\r\nl\r\n$1\r\nf\r\n$2\r\ngg\r\n"
    )


async def test_a_connection_that_died_fails_the_call_and_is_replaced_by_nobody() -> None:
    """The server may have come back empty: who read from it connects anew, and looks."""

    def first(connection: socket.socket) -> None:
        hear(connection, ASKED)
        connection.sendall(b"*1\r\n$1\r\n1\r\n")

    def second(connection: socket.socket) -> None:
        hear(connection, ASKED)
        connection.sendall(b"*1\r\n$1\r\n2\r\n")

    with ScriptedServer(first, second) as server:
        reader = await open_reader(server.settings)
        assert await ask(reader) == [[b"1"]]
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="the connection was lost"):  # by its end, or a reset
                await ask(reader)
        assert server.n_connections == 1
        await reader.connect()
        assert await ask(reader) == [[b"2"]]
        assert server.n_connections == 2
        await reader.close()


async def test_a_server_that_drips_does_not_outlast_the_deadline() -> None:
    """A byte now and then is not an answer; the limit is on the whole call."""

    def conversation(connection: socket.socket) -> None:
        hear(connection, ASKED)
        connection.settimeout(0.05)
        connection.sendall(b"*1\r\n$1000\r\n")
        while True:
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                pass

    with ScriptedServer(conversation, timeout_s=0.4) as server:
        reader = await open_reader(server.settings)
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            await ask(reader)
        assert 0.3 < time.monotonic() - began < 3


@pytest.mark.faults
@pytest.mark.servers
async def test_a_late_reply_never_answers_the_next_call(tmp_path: Path) -> None:
    """After a deadline the connection is dropped, so the reply that comes after all goes nowhere."""
    with ValkeyServer(tmp_path) as server:
        reader = await open_reader(server.settings.model_copy(update={"timeout_s": 0.3}))
        assert await reader.read_fields([b"k"], (b"one",)) == [[None]]
        server.pause()
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                await reader.read_fields([b"k"], (b"one",))
            assert time.monotonic() - began < 3
        finally:
            server.resume()
        await reader.connect()
        assert await reader.read_fields([b"k", b"l"], (b"one", b"two")) == [[None, None], [None, None]]
        await reader.close()


@pytest.mark.servers
async def test_an_error_reply_leaves_the_connection_in_step(valkey: ValkeyServer) -> None:
    """All replies of the call are taken before its error is raised."""
    link = await open_link(valkey.settings)
    await link.call(b"SET", b"reader:text", b"x")
    await link.call(b"HSET", b"reader:hash", b"f", b"1")
    reader = await open_reader(valkey.settings)
    with pytest.raises(StateCorruptError):
        await reader.read_fields([b"reader:text", b"reader:hash"], (b"f",))
    assert await reader.read_fields([b"reader:hash"], (b"f",)) == [[b"1"]]
    await reader.close()
    link.close()


@pytest.mark.servers
async def test_password_database_and_unix_socket(tmp_path: Path) -> None:
    """Who reads greets as who writes."""
    with UnixValkeyServer(tmp_path) as server:
        settings = StoreSettings(host=server.socket_path, database=2, password="sesame")
        link = await open_link(server.settings)
        await link.call(b"SELECT", b"2")
        await link.call(b"HSET", b"k", b"f", b"1")
        with pytest.raises(SettingsError, match="PASSWORD"):
            await open_reader(settings)
        await link.call(b"CONFIG", b"SET", b"requirepass", b"sesame")
        reader = await open_reader(settings)
        assert await ask(reader) == [[b"1"]]
        await reader.close()
        with pytest.raises(SettingsError, match="PASSWORD"):
            await open_reader(settings.model_copy(update={"password": None}))
        link.close()


async def test_nobody_there_is_unavailable() -> None:
    """Each time that it is tried, and the error says where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reader = RedisStore("shop", StoreSettings(port=port), read_only=True)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=f"{port}"):
            await reader.connect()


async def test_a_server_that_says_nothing_is_unavailable_in_time() -> None:
    """Also the first call."""
    with ScriptedServer(wait_for_end, timeout_s=0.2) as server:
        reader = await open_reader(server.settings)
        with pytest.raises(StoreUnavailableError):
            await ask(reader)
