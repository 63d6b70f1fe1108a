"""One blocking connection to one Redis or Valkey server, for questions about the topology."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any

import hiredis

from features.errors import StoreUnavailableError
from features.redis_link import address_of, greeting, is_unix, tune
from features.redis_replies import NO_REPLY, store_error
from features.redis_tls import NO_ANSWER, connection_error, tls_context
from features.settings import StoreSettings

RECEIVE_BYTES = 1 << 16
LIMIT_TOLERANCE = 0.01


class RedisSocket:
    """A connection that has greeted; it is of no use after an error other than an error reply.

    Parameters
    ----------
    settings
        Where the server is.
    deadline
        By the monotonic clock, for connecting and greeting.

    """

    def __init__(self, settings: StoreSettings, deadline: float) -> None:
        self.address = address_of(settings)
        self._settings = settings
        self._limit_s = 0.0
        self._heard = False
        self._reader = hiredis.Reader(notEnoughData=NO_REPLY)
        try:
            self._socket = _connect(settings, deadline)
        except OSError as error:
            raise connection_error(self.address, settings, error) from error
        try:
            self.ask(*greeting(settings), deadline=deadline)
        except BaseException:
            self.close()
            raise

    def ask(self, *commands: Sequence[bytes], deadline: float) -> list[Any]:
        """Replies to these commands. Raises as `receive`, and for an error reply what `store_error` makes of it."""
        self.send(b"".join(map(hiredis.pack_command, commands)), deadline)
        return succeeded(self.receive(len(commands), deadline))

    def send(self, commands: bytes, deadline: float) -> None:
        """Send what is encoded already. Raises as `receive`."""
        try:
            self._wait_until(deadline)
            self._socket.sendall(commands)
        except OSError as error:
            raise self._lost(error) from error

    def receive(self, n_replies: int, deadline: float) -> list[Any]:
        """Wait for the replies, error replies among them.

        Raises StoreUnavailableError when the connection ends or the time is up, SettingsError where the end of the
        connection shows that a setting is wrong.
        """
        reader = self._reader
        replies: list[Any] = []
        try:
            while len(replies) < n_replies:
                reply = reader.gets()
                if reply is not NO_REPLY:
                    replies.append(reply)
                    continue
                data = self._socket.recv(RECEIVE_BYTES)
                if not data:
                    raise ConnectionResetError("the server closed the connection")
                self._heard = True
                reader.feed(data)
                self._wait_until(deadline)
        except OSError as error:
            raise self._lost(error) from error
        except hiredis.HiredisError as error:
            raise StoreUnavailableError(
                f"store {self.address}", f"it does not speak the Redis protocol ({error})"
            ) from error
        return replies

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _lost(self, error: OSError) -> Exception:
        if isinstance(error, ssl.SSLError):
            return connection_error(self.address, self._settings, error)
        if isinstance(error, TimeoutError):
            return StoreUnavailableError(f"store {self.address}", f"no reply within {self._settings.timeout_s:g} s")
        return StoreUnavailableError(f"store {self.address}", f"{error}{'' if self._heard else NO_ANSWER}")

    def _wait_until(self, deadline: float) -> None:
        """Let socket calls wait until then; a limit that is nearly right stays, for setting it is a system call."""
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if abs(left_s - self._limit_s) > LIMIT_TOLERANCE * self._settings.timeout_s:
            self._socket.settimeout(left_s)
            self._limit_s = left_s


def succeeded(replies: list[Any]) -> list[Any]:
    """The replies; raises what the first error among them stands for."""
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise store_error(reply)
    return replies


def _connect(settings: StoreSettings, deadline: float) -> socket.socket:
    """A connected socket, encrypted where that was asked for."""
    left_s = max(deadline - time.monotonic(), 0.001)
    if is_unix(settings):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(left_s)
    else:
        connection = socket.create_connection((settings.host, settings.port), left_s)
    try:
        if is_unix(settings):
            connection.connect(settings.host)
        tune(connection)
        context = tls_context(settings)
        return connection if context is None else context.wrap_socket(connection, server_hostname=settings.host)
    except BaseException:
        connection.close()
        raise
