"""A TCP proxy between workers and store, which can be cut, hung, and pointed at another server."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import Final

from deploy.server_process import LOOPBACK

CHUNK: Final = 1 << 18
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that the other side feels at once."""


class TcpProxy:
    """Forwards connections to a port of this machine, each with two threads of its own."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._listener = socket.create_server((LOOPBACK, 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self._is_cut = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self) -> None:
        """Reset all connections, and each new one, until `mend`."""
        self._is_cut = True
        self._drop()

    def hang(self) -> None:
        """Let nothing through, and no end of a connection either, until `mend`."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let through again; what hung arrives now."""
        self._is_cut = False
        self._flowing.set()

    def point_at(self, upstream_port: int) -> None:
        """Reset all connections; new ones go to this port."""
        self._upstream_port = upstream_port
        self._drop()

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self._flowing.set()
        self._drop()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), name="proxy", daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        """Find the other end of a connection, and forward until one of the two ends."""
        self._flowing.wait()
        try:
            server = socket.create_connection((LOOPBACK, self._upstream_port))
        except OSError:
            reset(client)
            return
        with self._lock:
            self._open |= {client, server}
        if self._is_cut:
            self._drop()
        threading.Thread(target=self._carry, args=(server, client), name="proxy", daemon=True).start()
        self._carry(client, server)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # one of the two was reset
            sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := source.recv(CHUNK):
                self._flowing.wait()
                sink.sendall(data)
        self._flowing.wait()
        with self._lock:
            self._open -= {source, sink}
        reset(source)
        reset(sink)

    def _drop(self) -> None:
        with self._lock:
            dropped, self._open = self._open, set()
        for connection in dropped:
            reset(connection)


def reset(connection: socket.socket) -> None:
    """Close without a farewell."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
