"""One asyncio connection to one Redis or Valkey server, pipelined, never replaced in silence.

Replies come in the order of the calls, so a call is a slot in a queue. Commands given to an idle link leave at once,
others in one write when the turn of the event loop is over. When the connection ends, or one reply is overdue, every
call in flight fails with StoreUnavailableError and the link stays dead: whoever wants another opens another.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import hiredis

from features.errors import StoreUnavailableError
from features.redis_replies import NO_REPLY, store_error
from features.redis_tls import NO_ANSWER, connection_error, tls_context
from features.redis_words import pack
from features.settings import StoreSettings

SEND_BUFFER = 4 << 20  # at the kernel's default, client and server run in turns
FEED_BYTES = 16 << 10
"""Given at a time to hiredis, which moves all that it still has to its buffer's beginning with each reply."""


class RedisLink(asyncio.Protocol):
    """A live connection; made by `open_link`.

    Parameters
    ----------
    address
        For error messages.
    timeout_s
        How long a call may wait for its replies.

    """

    def __init__(self, address: str, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=NO_REPLY)
        self._transport: asyncio.Transport | None = None
        self._calls: deque[_Call] = deque()
        self._unsent: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._failure = "not connected yet"
        self._heard = False
        self.cause: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._transport is not None

    def call(self, *command: bytes) -> asyncio.Future[Any]:
        """Send one command; its reply, or the error that stands for it.

        Raises (in the future) StoreUnavailableError when the link is dead, dies or is overdue, else what
        `features.redis_replies.store_error` makes of an error reply.
        """
        return self._send(pack(command), 1, single=True)

    def calls(self, commands: bytes, n_replies: int) -> asyncio.Future[list[Any]]:
        """Send commands that are encoded already; the list of their replies. Raises as `call`."""
        return self._send(commands, n_replies, single=False)

    def close(self, reason: str = "it was closed") -> None:
        """End the connection; calls in flight fail."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.abort()
        self._failure = reason
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._unsent.clear()
        calls, self._calls = self._calls, deque()
        for call in calls:
            if not call.done.done():
                call.done.set_exception(self._lost())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        tune(transport.get_extra_info("socket"))
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.cause = exc
        self.close(f"the connection was lost ({exc or 'the server closed it'}){'' if self._heard else NO_ANSWER}")

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard = True
        calls, feed, gets = self._calls, self._reader.feed, self._reader.gets
        try:
            for begin in range(0, len(data), FEED_BYTES):
                feed(data, begin, min(FEED_BYTES, len(data) - begin))
                while (reply := gets()) is not NO_REPLY:
                    call = calls[0]
                    call.replies.append(reply)
                    if len(call.replies) == call.n_replies:
                        calls.popleft().finish()
        except (hiredis.HiredisError, IndexError) as error:
            self.close(f"the server does not speak the Redis protocol ({error})")

    def _send(self, commands: bytes, n_replies: int, *, single: bool) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None:
            done.set_exception(self._lost())
            return done
        deadline = self._loop.time() + self._timeout_s
        is_alone = not self._calls
        self._calls.append(_Call(done, n_replies, deadline, single=single))
        if self._watch is None:
            self._watch = self._loop.call_at(deadline, self._check_overdue)
        if is_alone:  # nothing to gather with
            self._transport.write(commands)
            return done
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(commands)
        return done

    def _flush(self) -> None:
        """Write what was gathered in this turn of the loop."""
        if self._transport is not None and self._unsent:
            unsent, self._unsent = self._unsent, []
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    def _check_overdue(self) -> None:
        """End the connection when its oldest call is overdue; one timer serves all, for they end in order.

        Event loops read sockets before they look at timers, so a reply that came while this process stood still
        was taken already.
        """
        self._watch = None
        if not self._calls:
            return
        deadline = self._calls[0].deadline
        if deadline > self._loop.time():
            self._watch = self._loop.call_at(deadline, self._check_overdue)
        else:
            self.close(f"no reply within {self._timeout_s:g} s")

    def _lost(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"store {self._address}", self._failure)


class _Call:
    """Replies that are awaited together."""

    __slots__ = ("deadline", "done", "n_replies", "replies", "single")

    def __init__(self, done: asyncio.Future[Any], n_replies: int, deadline: float, *, single: bool) -> None:
        self.done = done
        self.n_replies = n_replies
        self.deadline = deadline
        self.single = single
        self.replies: list[Any] = []

    def finish(self) -> None:
        """Hand over the replies, unless the caller has gone."""
        if self.done.done():
            return
        for reply in self.replies:
            if isinstance(reply, hiredis.ReplyError):
                self.done.set_exception(store_error(reply))
                return
        self.done.set_result(self.replies[0] if self.single else self.replies)


async def open_link(settings: StoreSettings, first_commands: Sequence[Sequence[bytes]] = ()) -> RedisLink:
    """Connect, authenticate, select the database and send these commands, all within the deadline.

    Raises StoreUnavailableError when the server cannot be reached or is still loading, SettingsError when it
    refuses certificate, user, password or database, or does not speak TLS where that is asked for.
    """
    address = address_of(settings)
    loop = asyncio.get_running_loop()
    link = RedisLink(address, settings.timeout_s)
    try:
        async with asyncio.timeout(settings.timeout_s):
            if is_unix(settings):
                await loop.create_unix_connection(lambda: link, settings.host)
            else:
                await loop.create_connection(lambda: link, settings.host, settings.port, ssl=tls_context(settings))
            await asyncio.gather(*(link.call(*command) for command in (*greeting(settings), *first_commands)))
    except OSError as error:  # a TimeoutError is one
        link.close()
        raise connection_error(address, settings, error) from error
    except StoreUnavailableError as error:
        link.close()
        if isinstance(link.cause, ssl.SSLError):  # TLS 1.3 refuses a client's certificate only after the handshake
            raise connection_error(address, settings, link.cause) from error
        raise
    except BaseException:
        link.close()
        raise
    return link


def address_of(settings: StoreSettings) -> str:
    """The server as errors name it."""
    return settings.host if is_unix(settings) else f"{settings.host}:{settings.port}"


def is_unix(settings: StoreSettings) -> bool:
    """Whether ``host`` is the path of a unix socket."""
    return settings.host.startswith("/")


def greeting(settings: StoreSettings) -> list[tuple[bytes, ...]]:
    """The commands that begin every connection."""
    commands: list[tuple[bytes, ...]] = []
    if settings.password is not None:
        user = () if settings.username is None else (settings.username.encode(),)
        commands.append((b"AUTH", *user, settings.password.get_secret_value().encode()))
    if settings.database:
        commands.append((b"SELECT", b"%d" % settings.database))
    return commands


def tune(connection: socket.socket) -> None:
    """Large send buffer, and no delay on TCP (a unix socket has none)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    with suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
