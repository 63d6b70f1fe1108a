"""The proxy that fault runs cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from deploy.faults.tcp_proxy import TcpProxy

DEADLINE_S = 20.0


class Echo:
    """A server that answers each connection with its own name, then with what it is told."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(self.name)
                while data := connection.recv(100):
                    connection.sendall(data)
            except OSError:
                return


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    proxy = TcpProxy(Echo(b"one").port)
    yield proxy
    proxy.close()


def connected(proxy: TcpProxy, name: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), DEADLINE_S)
    assert client.recv(100) == name
    return client


def ends(client: socket.socket) -> bool:
    try:
        return client.recv(100) == b""
    except ConnectionError:
        return True


def refused(proxy: TcpProxy) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE_S) as client:
            return ends(client)
    except ConnectionError:
        return True


def test_it_forwards_both_ways(proxy: TcpProxy) -> None:
    """Each connection for itself."""
    with connected(proxy, b"one") as first, connected(proxy, b"one") as second:
        first.sendall(b"to the first")
        second.sendall(b"to the second")
        assert (first.recv(100), second.recv(100)) == (b"to the first", b"to the second")


def test_cut_it_ends_connections_old_and_new(proxy: TcpProxy) -> None:
    """Mended, it takes new ones; the old ones are gone."""
    with connected(proxy, b"one") as old:
        proxy.cut()
        assert ends(old)
        assert refused(proxy)
        proxy.mend()
        connected(proxy, b"one").close()


def test_hung_it_lets_nothing_through_and_ends_nothing(proxy: TcpProxy) -> None:
    """Mended, what was under way arrives."""
    with connected(proxy, b"one") as client:
        proxy.hang()
        client.sendall(b"late")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.mend()
        client.settimeout(DEADLINE_S)
        assert client.recv(100) == b"late"


def test_pointed_elsewhere_it_ends_what_there_was(proxy: TcpProxy) -> None:
    """New connections reach the other server."""
    with connected(proxy, b"one") as old:
        proxy.point_at(Echo(b"two").port)
        assert ends(old)
        connected(proxy, b"two").close()
