"""How many connections there may be, and what becomes of those that are one too many."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from features.settings import TlsSettings
from grpc_api.http2.door import OWN_FILES, Door, Places, Turned
from grpc_api.http2.listener import open_listener, port_of
from grpc_api.http2.tls import ServerTls
from tests.grpc_api.http2.serving import SERVICE, RawPeer, Serving
from tests.redis_servers import Authority
from tests.waiting import wait_until, wait_until_async

HERE, THERE, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
several_addresses = pytest.mark.skipif(sys.platform != "linux", reason="all of 127/8 are this machine's on Linux alone")


def is_hung_up_on(port: int, address: str = HERE, sent: bytes = b"") -> bool:
    """Whether a new connection is closed before a word is said."""
    with socket.create_connection(("127.0.0.1", port), 20, (address, 0)) as peer:
        try:
            peer.sendall(sent)
            return peer.recv(1) == b""
        except ConnectionError:
            return True


@several_addresses
def test_there_are_so_many_connections_and_half_of_them_from_one_address() -> None:
    """Those that are one too many are hung up on and counted; the others are answered, and one that ends makes room."""
    with Serving(connections=4) as server, ExitStack() as peers:
        inside = [peers.enter_context(RawPeer(server.port, address=address)) for address in (HERE, HERE, THERE, THERE)]
        assert all(peer.pings() for peer in inside)
        assert is_hung_up_on(server.port)
        assert is_hung_up_on(server.port, ELSEWHERE)
        assert all(peer.pings() for peer in inside)
        assert server.turned_away == {"full": 2}
        inside[3].socket.close()
        wait_until(lambda: server.server.n_connections == 3)
        assert is_hung_up_on(server.port, HERE)
        assert server.turned_away == {"full": 2, "address": 1}
        assert peers.enter_context(RawPeer(server.port, address=ELSEWHERE)).pings()


def test_clients_come_again_until_there_is_room() -> None:
    """Calls that wait for a connection get one; those that do not are told that it is a matter of time."""
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
    with (
        Serving(connections=2) as server,
        RawPeer(server.port) as first,
        grpc.insecure_channel(server.address, options) as channel,
    ):
        assert first.pings()
        echo = channel.unary_unary(f"{SERVICE}Echo")
        with pytest.raises(grpc.RpcError) as refused:
            echo(b"now", timeout=20)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        waiting = echo.future(b"later", timeout=30, wait_for_ready=True)
        first.socket.close()
        assert waiting.result(30) == b"later"


def test_handshakes_that_are_under_way_count(tmp_path: Path) -> None:
    """Else files would be held by peers that nobody counts; each that fails makes room for one, and no more."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    credentials = grpc.ssl_channel_credentials(authority.ca_file.read_bytes())
    with Serving(tls=ServerTls(TlsSettings(certificate=certificate, key=key)), connections=2) as server:
        with socket.create_connection(("127.0.0.1", server.port), 20):
            assert is_hung_up_on(server.port)
            assert server.turned_away == {"address": 1}
            assert server.server.n_connections == 0

        def fails() -> bool:
            """Whether a handshake was begun, and did not come to anything."""
            turned_away = server.turned_away.total()
            assert is_hung_up_on(server.port, sent=b"GET / HTTP/1.1\r\n\r\n")
            return server.turned_away.total() == turned_away

        for _ in range(3):
            wait_until(fails)
        with grpc.secure_channel(server.address, credentials) as channel:
            assert channel.unary_unary(f"{SERVICE}Echo")(b"x", timeout=30, wait_for_ready=True) == b"x"
            server.turned_away.clear()
            assert is_hung_up_on(server.port)
            assert server.turned_away == {"address": 1}


class Scarce(socket.socket):
    """A listener of a process that has no file left, for a while."""

    left = 3

    def accept(self) -> tuple[socket.socket, object]:
        if self.left:
            self.left -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


async def test_a_process_without_files_looks_again() -> None:
    """Whoever waits at the port meanwhile is let in then."""
    turned: list[Turned] = []
    entered: list[socket.socket] = []

    async def connect(peer: socket.socket, leave: Callable[[], None]) -> None:
        entered.append(peer)

    listener = Scarce(fileno=open_listener("127.0.0.1", 0).detach())
    door = Door(listener, places=Places(2), connect=connect, on_turned_away=turned.append, pause_s=0.01)
    door.open()
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(listener))
    await wait_until_async(lambda: entered)
    assert turned == ["files"] * 3
    door.close()
    writer.close()
    entered[0].close()


def test_connections_leave_files_for_the_rest() -> None:
    """However many are asked for; the process takes as many files as it is let, and no more than it wants."""
    limits = "resource.setrlimit(resource.RLIMIT_NOFILE, (300, 1_000))"  # for good: hence a process of its own
    asked = "[[connections_that_fit(n), resource.getrlimit(resource.RLIMIT_NOFILE)[0]] for n in (500, 5_000)]"
    code = f"import resource; from grpc_api.http2.door import connections_that_fit; {limits}; print({asked})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.splitlines()[-1] == str([[500, 500 + OWN_FILES], [1_000 - OWN_FILES, 1_000]])
