"""The transport of the scorer: a port, the connections to it, and their end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from grpc_api.gate import Gate
from grpc_api.http2 import huffman
from grpc_api.http2.connection import Connection, written
from grpc_api.http2.crowd import crowding
from grpc_api.http2.door import Door, Places, Turned
from grpc_api.http2.faults import ErrorCode
from grpc_api.http2.limits import Limits, Room
from grpc_api.http2.listener import port_of
from grpc_api.http2.patience import Patience
from grpc_api.http2.tls import ServerTls
from grpc_api.methods import Methods
from grpc_api.status import Code, Status
from grpc_api.traffic import Traffic

LAST_WORDS_S: Final = 1.0
LOOK_AT_FILES_S: Final = 10.0
SHUTTING_DOWN: Final = Status(Code.UNAVAILABLE, "the server is shutting down")


class Http2Server:
    """Serves methods over HTTP/2.

    Parameters
    ----------
    methods, gate
        What is served, and what every call passes.
    limits
        What peers may do.
    listen
        Opens the socket, once the server is to start.
    tls
        For an encrypted port.
    places
        For how many connections there is room.
    on_turned_away
        Told of each connection that is not taken, as `Door` has it.

    Attributes
    ----------
    port
        Where it listens, once started; 0 before.

    """

    def __init__(
        self,
        *,
        methods: Methods,
        gate: Gate,
        limits: Limits,
        listen: Callable[[], socket.socket],
        places: Places,
        tls: ServerTls | None = None,
        on_turned_away: Callable[[Turned], object] = lambda _: None,
    ) -> None:
        self._listen = listen
        self._tls = tls
        self._places = places
        self._on_turned_away = on_turned_away
        self.port = 0
        self._methods = methods
        self._gate = gate
        self._limits = limits
        self._room = Room(limits.buffered_bytes)
        self._patience = Patience(limits, gate)
        self._connections: set[Connection] = set()
        self._carried = Traffic()
        self._address = ""
        self._all_gone: asyncio.Event = asyncio.Event()
        self._door: Door | None = None
        self._is_draining = False
        self._timer: asyncio.TimerHandle | None = None
        self._files_seen_s = time.monotonic()

    @property
    def n_connections(self) -> int:
        """Peers that are connected."""
        return len(self._connections)

    @property
    def address(self) -> str:
        """Where it listens, once started."""
        return self._address

    @property
    def traffic(self) -> Traffic:
        """What all connections have carried, those that are closed among them."""
        return Traffic.sum((self._carried, *(connection.traffic for connection in self._connections)))

    def connections(self) -> Sequence[Connection]:
        """Those that are open."""
        return tuple(self._connections)

    @property
    def free_bytes(self) -> int:
        """Room for messages that wait."""
        return self._room.left

    async def start(self) -> None:
        """Listen and answer; SettingsError when the port is taken."""
        self._loop = asyncio.get_running_loop()
        huffman.prepare()
        listener = self._listen()
        self.port = port_of(listener)
        self._address = written(listener.getsockname()).partition(":")[2]
        self._door = Door(
            listener,
            places=self._places,
            connect=self._connect,
            on_turned_away=self._on_turned_away,
        )
        self._door.open()
        self._look()

    async def stop(self, drain_s: float) -> None:
        """Accept no more, let the calls in flight end, and end those that have not after that time.

        Handshakes that are under way have a moment to end, so that their peers are told like the others.
        """
        if self._door is None:
            return
        self._is_draining = True
        for connection in list(self._connections):
            connection.drain()
        self._door.close()
        await self._door.settle(min(LAST_WORDS_S, drain_s))
        if not await self._gone_within(drain_s):
            for connection in list(self._connections):
                connection.session.fail_all(SHUTTING_DOWN)
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

    async def _connect(self, peer: socket.socket, leave: Callable[[], None]) -> None:
        connection = Connection(
            methods=self._methods,
            gate=self._gate,
            limits=self._limits,
            room=self._room,
            loop=self._loop,
            on_open=self._opened,
            on_close=partial(self._lost, leave),
        )
        encrypted: dict[str, Any] = {}
        if self._tls is not None:
            encrypted = {
                "ssl": self._tls.context,
                "ssl_handshake_timeout": self._limits.handshake_s,
                "ssl_shutdown_timeout": LAST_WORDS_S,
            }
        try:
            await self._loop.connect_accepted_socket(lambda: connection, peer, **encrypted)
        except BaseException:
            if not connection.is_made:
                leave()
            raise

    def _opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._is_draining:
            connection.drain()

    def _lost(self, leave: Callable[[], None], connection: Connection) -> None:
        leave()
        self._connections.discard(connection)
        self._patience.forget(connection)
        self._carried = Traffic.sum((self._carried, connection.traffic))
        if not self._connections:
            self._all_gone.set()

    def _look(self) -> None:
        now_s = time.monotonic()
        for connection in tuple(crowding(self._connections, self._limits.max_calls)):
            connection.end(ErrorCode.ENHANCE_YOUR_CALM, "the server has more calls in hand than it may")
        for connection in list(self._connections):
            self._patience.look_at(connection, now_s)
        if self._tls is not None and now_s - self._files_seen_s > LOOK_AT_FILES_S:
            self._files_seen_s = now_s
            self._tls.look_anew()
        self._timer = self._loop.call_later(self._limits.look_s, self._look)
