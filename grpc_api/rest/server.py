"""The gateway's server: uvicorn, in the loop that the scorer runs in."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from grpc_api.http2.door import Door, Places, Turned
from grpc_api.http2.listener import port_of
from grpc_api.http2.server import LAST_WORDS_S
from grpc_api.http2.tls import ServerTls
from grpc_api.rest.protocol import HEAD_S, MOST_HEAD_BYTES, GatewayProtocol

KEEP_ALIVE_S: Final = 60
"""Longer than clients keep an idle connection in their pools, so that they close it and none is cut as it is used."""
LOOK_AT_FILES_TICKS: Final = 100
"""Uvicorn ticks ten times a second."""


class RestServer:
    """Serves an application. ``port`` is where it listens once it was started, 0 before.

    Parameters
    ----------
    app
        What is served.
    listen
        Opens the socket, once the server is to start.
    places
        For how many connections there is room.
    tls
        For an encrypted port.
    on_turned_away
        Told of each connection that is not taken, as `Door` has it.

    """

    def __init__(
        self,
        app: FastAPI,
        *,
        listen: Callable[[], socket.socket],
        places: Places,
        tls: ServerTls | None = None,
        on_turned_away: Callable[[Turned], object] = lambda _: None,
    ) -> None:
        self.port = 0
        self._listen = listen
        self._config = uvicorn.Config(
            app,
            http=GatewayProtocol,
            h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,  # they would let a caller say where it calls from
            timeout_keep_alive=KEEP_ALIVE_S,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
        )
        self._server = _Server(self._config, tls, places, on_turned_away)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, and answer from the loop's next turn on; SettingsError when the port is taken."""
        listener = self._listen()
        self.port = port_of(listener)
        self._task = asyncio.get_running_loop().create_task(self._server.serve([listener]), name="rest")

    async def stop(self, drain_s: float) -> None:
        """Let the requests in flight end, for so long, and stop."""
        self._config.timeout_graceful_shutdown = math.ceil(drain_s)
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    """One with a door, that leaves the signals to the process, and takes up certificates that were renewed."""

    def __init__(
        self,
        config: uvicorn.Config,
        tls: ServerTls | None,
        places: Places,
        on_turned_away: Callable[[Turned], object],
    ) -> None:
        super().__init__(config)
        self.servers = []  # those that uvicorn would make of a socket that listens
        self._tls = tls
        self._places = places
        self._on_turned_away = on_turned_away
        self._door: Door | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections from a socket that listens; uvicorn itself takes all that come."""
        assert sockets is not None
        (listener,) = sockets
        self._door = Door(listener, places=self._places, connect=self._connect, on_turned_away=self._on_turned_away)
        self._door.open()
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and let those that are there end."""
        if self._door is not None:
            self._door.close()
            await self._door.settle(min(LAST_WORDS_S, self.config.timeout_graceful_shutdown or 0))
        await super().shutdown(sockets)

    async def _connect(self, peer: socket.socket, leave: Callable[[], None]) -> None:
        protocol = GatewayProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, on_close=leave
        )
        tls = self.config.ssl
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, peer, ssl=tls, ssl_handshake_timeout=None if tls is None else HEAD_S
            )
        except BaseException:
            if not protocol.is_made:
                leave()
            raise

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn; True ends it."""
        if self._tls is not None and counter % LOOK_AT_FILES_TICKS == 0:
            self._tls.look_anew()
        return await super().on_tick(counter)
