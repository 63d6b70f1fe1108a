"""The transport of the scorer: a port, the connections to it, and their end."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Final

from grpc_api.gate import Gate
from grpc_api.http2.connection import Connection
from grpc_api.http2.limits import Limits, Room
from grpc_api.http2.patience import Patience
from grpc_api.methods import Methods
from grpc_api.status import Code, Status

LOOK_S: Final = 1.0
LAST_WORDS_S: Final = 1.0
BACKLOG: Final = 1_024
SHUTTING_DOWN: Final = Status(Code.UNAVAILABLE, "the server is shutting down")


class Http2Server:
    """Serves methods over HTTP/2.

    Parameters
    ----------
    methods, gate
        What is served, and what every call passes.
    limits
        What peers may do.

    """

    def __init__(self, *, methods: Methods, gate: Gate, limits: Limits) -> None:
        self._methods = methods
        self._gate = gate
        self._limits = limits
        self._room = Room(limits.buffered_bytes)
        self._patience = Patience(limits)
        self._connections: set[Connection] = set()
        self._all_gone: asyncio.Event = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def n_connections(self) -> int:
        """Peers that are connected."""
        return len(self._connections)

    @property
    def free_bytes(self) -> int:
        """Room for messages that wait."""
        return self._room.left

    async def start(self, listener: socket.socket) -> None:
        """Accept on a bound socket, and answer."""
        self._loop = loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=listener, backlog=BACKLOG)
        self._look()

    async def stop(self, drain_s: float) -> None:
        """Accept no more, let the calls in flight end, and end those that have not after that time."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.drain()
        if not await self._gone_within(drain_s):
            for connection in list(self._connections):
                for stream in list(connection.streams.values()):
                    stream.fail(SHUTTING_DOWN)
                connection.finish_drain()
            await self._gone_within(LAST_WORDS_S)
        for connection in list(self._connections):
            connection.abort("the server is shutting down")
        await self._gone_within(LAST_WORDS_S)
        if self._timer is not None:
            self._timer.cancel()

    async def _gone_within(self, seconds: float) -> bool:
        if not self._connections:
            return True
        self._all_gone.clear()
        try:
            await asyncio.wait_for(self._all_gone.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _connection(self) -> Connection:
        return Connection(
            methods=self._methods,
            gate=self._gate,
            limits=self._limits,
            room=self._room,
            loop=self._loop,
            on_open=self._connections.add,
            on_close=self._lost,
        )

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._patience.forget(connection)
        if not self._connections:
            self._all_gone.set()

    def _look(self) -> None:
        now_s = time.monotonic()
        for connection in list(self._connections):
            self._patience.look_at(connection, now_s)
        self._timer = self._loop.call_later(LOOK_S, self._look)
