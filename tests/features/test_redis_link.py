"""One pipelined connection: order, deadlines, deaths."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis
import pytest
import uvloop
from pydantic import SecretStr

from deploy.servers import ValkeyServer
from features.errors import BirthMissingError, SettingsError, StateCorruptError, StoreUnavailableError
from features.redis_link import FEED_BYTES, RedisLink, open_link
from features.redis_replies import ScriptMissingError, ShardMovedError, store_error
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import Birth, StateWrite
from tests.features.scripted_server import ScriptedServer, hear, wait_for_end
from tests.waiting import wait_until_async


@asynccontextmanager
async def linked(settings: StoreSettings) -> AsyncIterator[RedisLink]:
    link = await open_link(settings)
    try:
        yield link
    finally:
        link.close()


async def test_calls_of_one_turn_leave_together_and_wait_for_no_reply() -> None:
    """A server that answers only once it has heard all hundred calls answers all hundred, in order."""
    packed = [hiredis.pack_command((b"ECHO", b"%03d" % i)) for i in range(100)]
    heard = b""

    def conversation(connection: socket.socket) -> None:
        nonlocal heard
        heard = hear(connection, packed[-1])
        connection.sendall(b"".join(b"$3\r\n%03d\r\n" % i for i in range(100)))
        wait_for_end(connection)

    with ScriptedServer(conversation) as server:
        async with linked(server.settings) as link:
            calls = [link.call(b"ECHO", b"%03d" % i) for i in range(98)]
            pair = link.calls(packed[98] + packed[99], 2)
            assert await asyncio.gather(*calls) == [b"%03d" % i for i in range(98)]
            assert await pair == [b"098", b"099"]
    assert heard == b"".join(packed)


async def test_replies_cut_anywhere_find_their_calls() -> None:
    """Bytes may arrive one at a time."""

    def conversation(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hear(connection, b"$1\r\nb\r\n")
        for byte in b"$3\r\n\r\n\x00\r\n*2\r\n$-1\r\n:7\r\n":
            connection.sendall(bytes((byte,)))
        wait_for_end(connection)

    with ScriptedServer(conversation) as server:
        async with linked(server.settings) as link:
            calls = [link.call(b"a"), link.call(b"b")]
            assert [await call for call in calls] == [b"\r\n\x00", [None, 7]]


@pytest.mark.servers
async def test_replies_longer_and_shorter_than_a_piece_find_their_calls(valkey: ValkeyServer) -> None:
    """Of what has come, so much is read at a time."""
    said = [b"%d" % at * size for at, size in enumerate((FEED_BYTES * 3, 1, FEED_BYTES, 7, FEED_BYTES - 1, 1) * 3)]
    async with linked(valkey.settings) as link:
        assert await asyncio.gather(*(link.call(b"ECHO", text) for text in said)) == said


@pytest.mark.servers
async def test_a_caller_that_leaves_does_not_shift_the_replies(valkey: ValkeyServer) -> None:
    """Its reply is dropped when it comes; the calls behind it get their own."""
    async with linked(valkey.settings) as link:
        calls = [asyncio.ensure_future(link.call(b"ECHO", b"%d" % i)) for i in range(10)]
        calls[0].cancel()
        calls[4].cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        expected = [b"%d" % i for i in range(10)]
        assert [answer for answer in answers if isinstance(answer, bytes)] == expected[1:4] + expected[5:]
        assert await link.call(b"ECHO", b"after") == b"after"


@pytest.mark.servers
async def test_an_error_reply_fails_its_own_call_only(valkey: ValkeyServer) -> None:
    """The connection lives on."""
    async with linked(valkey.settings) as link:
        bad, good = link.call(b"NOSUCHCOMMAND"), link.call(b"ECHO", b"x")
        with pytest.raises(StoreUnavailableError, match="NOSUCHCOMMAND"):
            await bad
        assert await good == b"x"
        assert link.is_open


@pytest.mark.faults
@pytest.mark.servers
async def test_a_server_that_stands_still_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    """The overdue call and all behind it fail together, and the link stays dead when the server goes on."""
    with ValkeyServer(tmp_path) as server:
        settings = server.settings.model_copy(update={"timeout_s": 0.3})
        async with linked(settings) as link:
            server.pause()
            try:
                began = time.monotonic()
                answers = await asyncio.gather(*(link.call(b"PING") for _ in range(3)), return_exceptions=True)
                assert 0.25 < time.monotonic() - began < 3
                assert all(isinstance(answer, StoreUnavailableError) for answer in answers)
                assert "no reply within 0.3 s" in str(answers[0])
            finally:
                server.resume()
            assert not link.is_open
            with pytest.raises(StoreUnavailableError, match="no reply within"):
                await link.call(b"PING")


@pytest.mark.servers
async def test_deadlines_are_those_of_each_call(valkey: ValkeyServer) -> None:
    """A link may live far longer than a deadline: answered calls leave nothing overdue behind."""
    async with linked(valkey.settings.model_copy(update={"timeout_s": 0.2})) as link:
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            assert await link.call(b"PING") == b"PONG"
        assert link.is_open


@pytest.mark.servers
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reply_that_came_while_this_process_stood_still_is_not_overdue(
    valkey: ValkeyServer, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """The event loop was blocked past the deadline; the reply waits in the socket and is taken."""

    async def ask_and_stand_still() -> object:
        async with linked(valkey.settings.model_copy(update={"timeout_s": 0.2})) as link:
            call = asyncio.ensure_future(link.call(b"PING"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the command has left
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                pass
            return await call

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(ask_and_stand_still()) == b"PONG"


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Redis protocol"),
        (b"+OK\r\n+OK\r\n+OK\r\n", "Redis protocol"),
        (b"", "closed it"),
    ],
)
async def test_a_server_that_talks_nonsense_is_unavailable(says: bytes, problem: str) -> None:
    """Foreign protocols, replies that no one asked for, and a closed door all end the link."""

    def conversation(connection: socket.socket) -> None:
        hear(connection, b"PING\r\n")
        connection.sendall(says)

    with ScriptedServer(conversation) as server:
        async with linked(server.settings) as link:
            calls = [link.call(b"PING"), link.call(b"PING")]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            await wait_until_async(lambda: not link.is_open)
            with pytest.raises(StoreUnavailableError, match=problem):
                await link.call(b"PING")
    assert answers == [b"OK", b"OK"] or all(isinstance(answer, StoreUnavailableError) for answer in answers)


async def test_nobody_there_is_unavailable() -> None:
    """Connecting where nothing listens names the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StoreUnavailableError, match=f":{port}"):
        await open_link(StoreSettings(port=port))
    with pytest.raises(StoreUnavailableError, match=r"/nowhere/store\.sock"):
        await open_link(StoreSettings(host="/nowhere/store.sock"))


async def test_a_server_that_does_not_greet_is_unavailable_in_time() -> None:
    """The deadline covers connecting and the first commands together."""
    with ScriptedServer(wait_for_end, timeout_s=0.2) as server, pytest.raises(StoreUnavailableError, match=r"0\.2 s"):
        await open_link(server.settings, [(b"PING",)])


@pytest.mark.servers
async def test_password_and_database_are_given_first(tmp_path: Path) -> None:
    """A wrong or missing password is a wrong setting, not an outage; databases keep their keys apart."""
    with ValkeyServer(tmp_path) as server:
        async with linked(server.settings) as link:
            with pytest.raises(SettingsError, match="PASSWORD"):
                await open_link(server.settings.model_copy(update={"password": SecretStr("needless")}))
            await link.call(b"CONFIG", b"SET", b"requirepass", b"sesame")
        for wrong in (SecretStr("open"), None):
            with pytest.raises(SettingsError, match="PASSWORD"):
                await open_link(server.settings.model_copy(update={"password": wrong}), [(b"PING",)])
        right = server.settings.model_copy(update={"password": SecretStr("sesame"), "database": 3})
        async with linked(right) as link, linked(right.model_copy(update={"database": 0})) as zero:
            await link.call(b"SET", b"k", b"v")
            assert (await link.call(b"GET", b"k"), await zero.call(b"GET", b"k")) == (b"v", None)
            await zero.call(b"CONFIG", b"SET", b"requirepass", b"")
        with pytest.raises(SettingsError, match="DATABASE"):
            await open_link(server.settings.model_copy(update={"database": 99}))


class UnixValkeyServer(ValkeyServer):
    """The store with a unix socket beside its port."""

    @property
    def socket_path(self) -> str:
        return str(self.folder / "s")

    def command(self) -> Sequence[str]:
        return (*super().command(), "--unixsocket", self.socket_path)


@pytest.mark.servers
async def test_a_host_that_is_a_path_is_a_unix_socket(tmp_path: Path) -> None:
    """The same link over it."""
    with UnixValkeyServer(tmp_path) as server:
        async with linked(StoreSettings(host=server.socket_path)) as link:
            assert await link.call(b"ECHO", b"x") == b"x"


@pytest.mark.servers
async def test_a_script_that_the_server_forgot_is_sent_again(valkey: ValkeyServer) -> None:
    """SCRIPT FLUSH on a live connection costs a call its name, not its answer."""
    store = RedisStore("forgotten_scripts", valkey.settings)
    await store.connect()
    await store.write_birth(Birth(view="v", view_hash="h", id="b", cut={}, serving=True))
    async with linked(valkey.settings) as link:
        await link.call(b"SCRIPT", b"FLUSH")
    assert await store.write_states("v", "b", [StateWrite(b"forgotten:k", b"", b"x", [])]) == [None]
    assert await store.write_states("v", "b", [StateWrite(b"forgotten:k", b"", b"y", [])]) == [b"x"]
    await store.close()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("BIRTHMISSING view:spend:b1", BirthMissingError),
        ("NOSCRIPT No matching script. Please use EVAL.", ScriptMissingError),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", StateCorruptError),
        ("NOAUTH Authentication required.", SettingsError),
        ("NOPERM User default has no permissions to run the 'evalsha' command", SettingsError),
        ("LOADING Redis is loading the dataset in memory", StoreUnavailableError),
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreUnavailableError),
        ("READONLY You can't write against a read only replica.", ShardMovedError),
        ("MOVED 866 10.0.0.2:6379", ShardMovedError),
        ("ASK 866 10.0.0.2:6379", ShardMovedError),
        ("ERR Script attempted to access a non local key in a cluster node", ShardMovedError),
        ("something nobody has seen", StoreUnavailableError),
    ],
)
def test_error_replies_become_our_errors(reply: str, expected: type[Exception]) -> None:
    """What may pass is an outage, what will not is a wrong setting or an artefact that is wrong."""
    error = store_error(hiredis.ReplyError(reply))
    assert type(error) is expected
    assert reply.split(" ", 1)[1] in str(error)
