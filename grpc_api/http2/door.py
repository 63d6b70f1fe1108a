"""Who is let in at a port: so many connections, half of them from one address; the others are hung up on at once.

Ports of one process share its places, for what they must not use up are its files.

Hung up on before a word is said, a client takes its attempt for one that failed: its calls are `UNAVAILABLE`, or wait,
and it comes again later each time. After a greeting it would come again at once.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Literal, TypeAlias

import structlog

logger: Final = structlog.get_logger(__name__)

OWN_FILES: Final = 256
"""Open files that are left to the rest of the process: store, broker, models, other ports."""

TURN_CONNECTIONS: Final = 64
PAUSE_S: Final = 0.5

MOST_OF_SELECT: Final = 512
"""Sockets that a loop can watch on Windows."""

OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Turned: TypeAlias = Literal["full", "address", "files"]
"""Why a connection is not taken: there are as many as may be, or of its address, or the system has no file for it."""


class Places:
    """The connections that one process has, by the address of their peers.

    Attributes
    ----------
    n_taken
        Those that are open, and those whose handshake is under way.

    """

    def __init__(self, most: int) -> None:
        self._most, self._most_of_one = most, max(1, most // 2)
        self._of: Counter[str] = Counter()
        self.n_taken = 0

    def refusal(self, host: str) -> Turned | None:
        """Why there is no place for one more connection from there; None where there is."""
        if self.n_taken >= self._most:
            return "full"
        return "address" if self._of[host] >= self._most_of_one else None

    def take(self, host: str) -> None:
        """A connection has come."""
        self._of[host] += 1
        self.n_taken += 1

    def give(self, host: str) -> None:
        """It has gone."""
        self.n_taken -= 1
        self._of[host] -= 1
        if not self._of[host]:
            del self._of[host]


class Door:
    """Takes connections from a listener.

    Parameters
    ----------
    listener
        A socket that listens; it is closed with the door.
    places
        For how many there is room.
    connect
        Makes a connection of a socket. The second argument is called once, when the connection is lost or is not made.
    on_turned_away
        Told of each connection that is not taken.
    pause_s
        How long to look away where the process can open no more files.

    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        places: Places,
        connect: Callable[[socket.socket, Callable[[], None]], Awaitable[None]],
        on_turned_away: Callable[[Turned], object],
        pause_s: float = PAUSE_S,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._places = places
        self._connect = connect
        self._on_turned_away = on_turned_away
        self._pause_s = pause_s
        self._entering: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to take connections."""
        self._loop.add_reader(self._listener, self._accept_some)

    def close(self) -> None:
        """Take no more."""
        if self._listener.fileno() < 0:  # it is closed already
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()

    async def settle(self, patience_s: float) -> None:
        """Let handshakes that are under way end, and hang up on those that have not after that time."""
        if self._entering:
            await asyncio.wait(self._entering, timeout=patience_s)
        for task in self._entering:
            task.cancel()
        await asyncio.gather(*self._entering, return_exceptions=True)

    def _accept_some(self) -> None:
        """Take those that wait, so many at a time that others get their turn."""
        for _ in range(TURN_CONNECTIONS):
            try:
                peer, address = self._listener.accept()
            except OSError as error:  # nobody waits, or who did has gone again, unless it is this
                if error.errno in OUT_OF_FILES:
                    self._look_away(error)
                return
            peer.setblocking(False)
            self._let_in(peer, address[0])

    def _look_away(self, error: OSError) -> None:
        """Wait for files to be closed: whoever waits at the port is still there then."""
        logger.error("no_file_for_a_connection", problem=error.strerror, connections=self._places.n_taken)
        self._on_turned_away("files")
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(self._pause_s, self.open)

    def _let_in(self, peer: socket.socket, host: str) -> None:
        turned = self._places.refusal(host)
        if turned is not None:
            self._on_turned_away(turned)
            peer.close()
            return
        self._places.take(host)
        task = self._loop.create_task(self._enter(peer, partial(self._places.give, host)))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    async def _enter(self, peer: socket.socket, leave: Callable[[], None]) -> None:
        try:
            await self._connect(peer, leave)
        except OSError as error:  # TLS that was not agreed on is one, too
            logger.debug("handshake_failed", problem=str(error))


def connections_that_fit(asked: int) -> int:
    """As many of the connections that are asked for as the process may have files open for, which it lets itself."""
    if sys.platform == "win32":
        return min(asked, MOST_OF_SELECT - OWN_FILES)
    import resource

    most, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = asked + OWN_FILES
    if most != resource.RLIM_INFINITY and most < wanted:  # shells often set 1,024, for programs that use select()
        most = wanted if highest == resource.RLIM_INFINITY else min(wanted, highest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, highest))
    if most == resource.RLIM_INFINITY or most >= wanted:
        return asked
    fit = max(1, most - OWN_FILES)
    logger.warning("open_files_limit_connections", asked=asked, connections=fit, open_files=most)
    return fit
