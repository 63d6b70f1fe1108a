"""The blocking reader: deadlines, retries, and replies that never go to the wrong call."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from deploy.servers import ValkeyServer
from features.errors import SettingsError, StateCorruptError, StoreUnavailableError
from features.redis_link import open_link
from features.redis_reader import RedisReader
from features.settings import StoreSettings
from tests.features.scripted_server import ScriptedServer, hear, wait_for_end
from tests.features.test_redis_link import UnixValkeyServer

ASKED = b"$1\r\nf\r\n"


def ask(reader: RedisReader) -> list[list[bytes | None]]:
    return reader.read_fields([b"k"], (b"f",))


def test_the_command_on_the_wire_is_one_hmget_a_key() -> None:
    """All keys in one write, in Redis' protocol."""
    heard = b""

    def conversation(connection: socket.socket) -> None:
        nonlocal heard
        heard = hear(connection, b"l\r\n$1\r\nf\r\n$2\r\ngg\r\n")
        connection.sendall(b"*2\r\n$-1\r\n$1\r\n1\r\n*2\r\n$0\r\n\r\n$-1\r\n")

    with ScriptedServer(conversation) as server:
        reader = RedisReader("shop", server.settings)
        rows = reader.read_fields([b"k", b"\r\nl"], [b"f", b"gg"])
        reader.close()
    assert rows == [[None, b"1"], [b"", None]]
    assert heard == (
        b"*4\r\n$5\r\nHMGET\r\n$1\r\nk\r\n$1\r\nf\r\n$2\r\ngg\r\n"
        b"*4\r\n$5\r\nHMGET\r\n$3\r\n\r\nl\r\n$1\r\nf\r\n$2\r\ngg\r\n"
    )


def test_a_connection_that_died_fails_the_call_and_is_replaced_by_the_next() -> None:
    """Never within a call: the server may have come back empty."""

    def first(connection: socket.socket) -> None:
        hear(connection, ASKED)
        connection.sendall(b"*1\r\n$1\r\n1\r\n")

    def second(connection: socket.socket) -> None:
        hear(connection, ASKED)
        connection.sendall(b"*1\r\n$1\r\n2\r\n")

    with ScriptedServer(first, second) as server:
        reader = RedisReader("shop", server.settings)
        assert ask(reader) == [[b"1"]]
        with pytest.raises(StoreUnavailableError, match="closed the connection"):
            ask(reader)
        assert server.n_connections == 1
        assert ask(reader) == [[b"2"]]
        assert server.n_connections == 2
        reader.close()


def test_a_server_that_drips_does_not_outlast_the_deadline() -> None:
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
        reader = RedisReader("shop", server.settings)
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            ask(reader)
        assert 0.3 < time.monotonic() - began < 3


@pytest.mark.faults
@pytest.mark.servers
def test_a_late_reply_never_answers_the_next_call(tmp_path: Path) -> None:
    """After a deadline the connection is dropped, so the reply that comes after all goes nowhere."""
    with ValkeyServer(tmp_path) as server:
        reader = RedisReader("shop", server.settings.model_copy(update={"timeout_s": 0.3}))
        assert reader.read_fields([b"k"], (b"one",)) == [[None]]
        server.pause()
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                reader.read_fields([b"k"], (b"one",))
            assert time.monotonic() - began < 3
        finally:
            server.resume()
        assert reader.read_fields([b"k", b"l"], (b"one", b"two")) == [[None, None], [None, None]]
        reader.close()


@pytest.mark.servers
async def test_an_error_reply_leaves_the_connection_in_step(valkey: ValkeyServer) -> None:
    """All replies of the call are taken before its error is raised."""
    link = await open_link(valkey.settings)
    await link.call(b"SET", b"reader:text", b"x")
    await link.call(b"HSET", b"reader:hash", b"f", b"1")
    reader = RedisReader("shop", valkey.settings)
    with pytest.raises(StateCorruptError):
        reader.read_fields([b"reader:text", b"reader:hash"], (b"f",))
    assert reader.read_fields([b"reader:hash"], (b"f",)) == [[b"1"]]
    reader.close()
    link.close()


@pytest.mark.servers
async def test_password_database_and_unix_socket(tmp_path: Path) -> None:
    """The reader greets as the writer does."""
    with UnixValkeyServer(tmp_path) as server:
        settings = StoreSettings(host=server.socket_path, database=2, password="sesame")
        link = await open_link(server.settings)
        await link.call(b"SELECT", b"2")
        await link.call(b"HSET", b"k", b"f", b"1")
        with pytest.raises(SettingsError, match="PASSWORD"):
            ask(RedisReader("shop", settings))
        await link.call(b"CONFIG", b"SET", b"requirepass", b"sesame")
        reader = RedisReader("shop", settings)
        assert ask(reader) == [[b"1"]]
        reader.close()
        with pytest.raises(SettingsError, match="PASSWORD"):
            ask(RedisReader("shop", settings.model_copy(update={"password": None})))
        link.close()


def test_nobody_there_is_unavailable() -> None:
    """Each call tries once and says where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reader = RedisReader("shop", StoreSettings(port=port))
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=f":{port}"):
            ask(reader)


def test_a_server_that_says_nothing_is_unavailable_in_time() -> None:
    """Also the first call, which connects."""
    with ScriptedServer(wait_for_end, timeout_s=0.2) as server, pytest.raises(StoreUnavailableError):
        ask(RedisReader("shop", server.settings))
