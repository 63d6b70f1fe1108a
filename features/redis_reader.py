"""The blocking side of the online store in Redis or Valkey: implements `features.store.StoreReader`.

One object a scorer thread, with a socket of its own. A connection that turns out dead fails the call and is replaced
by the next one: the server behind it may have come back empty, so the certificate is to be looked at in between.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import hiredis

from features.errors import StoreUnavailableError
from features.feast_layout import certificate_key
from features.redis_link import address_of, greeting, is_unix, tune
from features.redis_replies import NO_REPLY, store_error, to_hash
from features.settings import StoreSettings
from features.shard_records import to_certificate, witness_keys, witnessed
from features.store import Certificate

RECEIVE_BYTES = 1 << 16
LIMIT_TOLERANCE = 0.01


class RedisReader:
    """A reader that connects with the first call.

    Parameters
    ----------
    project
        Name of the Feast project.
    settings
        Where the server is; every call ends within its ``timeout_s``.

    """

    def __init__(self, project: str, settings: StoreSettings) -> None:
        self._project = project
        self._settings = settings
        self._certificate_key = certificate_key(project)
        self._connection: _Connection | None = None

    def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """For each key, the values of these hash fields, in one round trip."""
        if not keys or not fields:
            return [[] for _ in keys]
        head, tail = _around_key(tuple(fields))
        return self._ask(b"".join([b"%b$%d\r\n%b%b" % (head, len(key), key, tail) for key in keys]), len(keys))

    def read_certificate(self) -> Certificate:
        """Births and logs that every shard carries."""
        (reply,) = self._ask(hiredis.pack_command((b"HGETALL", self._certificate_key)), 1)
        certificate = to_certificate(to_hash(reply))
        keys = witness_keys(self._project, certificate)
        fields = self._ask(b"".join(hiredis.pack_command((b"HKEYS", key)) for key in keys), len(keys)) if keys else []
        return witnessed(certificate, set(chain.from_iterable(fields)))

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self, commands: bytes, n_replies: int) -> list[Any]:
        """Replies to these commands; StoreUnavailableError within the deadline."""
        deadline = time.monotonic() + self._settings.timeout_s
        try:
            if self._connection is None:
                self._connection = _Connection(self._settings, deadline)
            replies = self._connection.ask(commands, n_replies, deadline)
        except (OSError, hiredis.HiredisError) as error:
            self.close()
            raise StoreUnavailableError(f"store {address_of(self._settings)}", str(error) or repr(error)) from error
        except BaseException:
            self.close()  # replies may be under way that the next call would take for its own
            raise
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise store_error(reply)
        return replies


class _Connection:
    """A blocking socket and what it has received."""

    def __init__(self, settings: StoreSettings, deadline: float) -> None:
        self._timeout_s = settings.timeout_s
        self._limit_s = 0.0
        self._reader = hiredis.Reader(notEnoughData=NO_REPLY)
        self._socket = socket.socket(socket.AF_UNIX) if is_unix(settings) else _connect_tcp(settings, deadline)
        try:
            self._wait_until(deadline)
            if is_unix(settings):
                self._socket.connect(settings.host)
            tune(self._socket)
            commands = greeting(settings)
            for reply in self.ask(b"".join(map(hiredis.pack_command, commands)), len(commands), deadline):
                if isinstance(reply, hiredis.ReplyError):
                    raise store_error(reply)
        except BaseException:
            self.close()
            raise

    def ask(self, commands: bytes, n_replies: int, deadline: float) -> list[Any]:
        """Send, and wait for the replies; OSError when the connection ends or the time is up."""
        reader = self._reader
        replies: list[Any] = []
        self._wait_until(deadline)
        self._socket.sendall(commands)
        while len(replies) < n_replies:
            reply = reader.gets()
            if reply is not NO_REPLY:
                replies.append(reply)
                continue
            data = self._socket.recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            reader.feed(data)
            self._wait_until(deadline)
        return replies

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _wait_until(self, deadline: float) -> None:
        """Let socket calls wait until then; a limit that is nearly right stays, for setting it is a system call."""
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(f"no reply within {self._timeout_s:g} s")
        if abs(left_s - self._limit_s) > LIMIT_TOLERANCE * self._timeout_s:
            self._socket.settimeout(left_s)
            self._limit_s = left_s


def _connect_tcp(settings: StoreSettings, deadline: float) -> socket.socket:
    return socket.create_connection((settings.host, settings.port), max(deadline - time.monotonic(), 0.001))


@lru_cache(maxsize=256)
def _around_key(fields: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """HMGET as it goes over the wire, before the key and after it."""
    words = b"".join(b"$%d\r\n%b\r\n" % (len(field), field) for field in fields)
    return b"*%d\r\n$5\r\nHMGET\r\n" % (len(fields) + 2), b"\r\n" + words
