"""The store of a site: a Redis behind a proxy, and the replica that may take its place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import redis

from deploy.faults.tcp_proxy import TcpProxy
from deploy.production_servers import RedisServer
from deploy.server_process import LOOPBACK
from features.errors import StoreUnavailableError
from features.settings import StoreSettings

SYNC_S: Final = 60.0
POLL_S: Final = 0.02
WORKER_TIMEOUT_S: Final = 3.0


class RedisPair:
    """One server that serves; `promote` lets another one serve in its place. Both end with ``running``."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self._n_servers = 0
        self.server = self._new_server()
        self.proxy = TcpProxy(self.server.port)
        running.callback(self.proxy.close)

    @property
    def settings(self) -> StoreSettings:
        """How the harness reaches it: directly."""
        return self.server.settings

    @property
    def worker_settings(self) -> StoreSettings:
        """How workers reach it: through the proxy."""
        return StoreSettings(host=LOOPBACK, port=self.proxy.port, timeout_s=WORKER_TIMEOUT_S)

    def call(self, *command: str | int) -> Any:
        """One command to the server that serves."""
        return call(self.server, *command)

    def info(self) -> dict[str, Any]:
        """What the server that serves says of itself."""
        return info(self.server)

    def keys_with(self, field: bytes) -> Iterator[bytes]:
        """Keys of all hashes that have this field."""
        with redis.Redis(port=self.server.port, host=LOOPBACK) as client:
            for key in client.scan_iter(count=1_000, _type="HASH"):
                if client.hexists(key, field):
                    yield key

    def log_tail(self) -> tuple[Path, int]:
        """The file that the server appends to, and how long it is now."""
        tail = max((self.server.folder / "appendonlydir").glob("*.incr.aof"), key=sequence_number)
        return tail, tail.stat().st_size

    def crash_and_forget(self, since: tuple[Path, int]) -> None:
        """Kill the server and start it without what it appended since then."""
        self.server.kill()
        tail, size = self.log_tail()
        file, length = since
        with tail.open("r+b") as appended:
            appended.truncate(min(size, length) if tail == file else 0)  # another file: it was begun since
        self.server.start()

    def lagging_replica(self) -> RedisServer:
        """A second server with all that the first holds now, which will hear no more of it."""
        replica = self._new_server()
        call(replica, "REPLICAOF", LOOPBACK, self.server.port)
        await_info(replica, "master_link_status", "up")
        call(replica, "REPLICAOF", "NO", "ONE")
        await_info(replica, "aof_rewrite_scheduled", 0)
        await_info(replica, "aof_rewrite_in_progress", 0)
        return replica

    def promote(self, replica: RedisServer) -> None:
        """Kill the server and let the replica serve."""
        self.server.kill()
        self.server = replica
        self.proxy.point_at(replica.port)

    def _new_server(self) -> RedisServer:
        self._n_servers += 1
        server: RedisServer = self._running.enter_context(RedisServer(self._folder / f"redis-{self._n_servers}"))
        return server


def call(server: RedisServer, *command: str | int) -> Any:
    """One command."""
    with redis.Redis(port=server.port, host=LOOPBACK) as client:
        return client.execute_command(*command)


def info(server: RedisServer) -> dict[str, Any]:
    """Everything of INFO."""
    found: dict[str, Any] = call(server, "INFO")
    return found


def await_info(server: RedisServer, name: str, value: object) -> None:
    """Return once INFO says so; StoreUnavailableError past the deadline."""
    end_s = time.monotonic() + SYNC_S
    while info(server).get(name) != value:
        if time.monotonic() > end_s:
            raise StoreUnavailableError("redis", f"{name} is not {value} after {SYNC_S:.0f} s; {server.log_end()}")
        time.sleep(POLL_S)


def sequence_number(file: Path) -> int:
    """Of an append-only file, ``appendonly.aof.<number>.incr.aof``."""
    return int(file.name.split(".")[-3])
