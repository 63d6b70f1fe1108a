"""A server that answers what a test tells it to, for what a real one does only when it breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from features.settings import StoreSettings

Conversation = Callable[[socket.socket], None]


class ScriptedServer:
    """Accepts connections one after the other and holds the n-th conversation on the n-th of them."""

    def __init__(self, *conversations: Conversation, timeout_s: float = 5.0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._conversations = conversations
        self._timeout_s = timeout_s
        self._thread = threading.Thread(target=self._serve)
        self._connection: socket.socket | None = None
        self.n_connections = 0

    @property
    def settings(self) -> StoreSettings:
        """How a client reaches it."""
        host, port = self._listener.getsockname()
        return StoreSettings(host=host, port=port, timeout_s=self._timeout_s)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for end in (self._listener, self._connection):
            with suppress(OSError):
                if end is not None:
                    end.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        for conversation in self._conversations:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.n_connections += 1
            self._connection = connection
            with connection, suppress(ConnectionError):
                connection.settimeout(10)
                conversation(connection)


def hear(connection: socket.socket, ending: bytes) -> bytes:
    """Receive until these bytes came."""
    heard = b""
    while not heard.endswith(ending):
        data = connection.recv(65_536)
        if not data:
            raise ConnectionResetError
        heard += data
    return heard


def wait_for_end(connection: socket.socket) -> None:
    """Say nothing until the client leaves."""
    while connection.recv(65_536):
        pass
