"""Where a store lives: the same doors to the in-memory shards and to a real server."""

from __future__ import annotations

import secrets
from typing import Protocol

from deploy.servers import ValkeyServer
from features.memory_shards import PROJECT, MemoryShards
from features.memory_store import MemoryStore
from features.redis_link import open_link
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import Store
from tests.redis_servers import RedisCluster, RedisSentinel, TlsRedisServer


class Site(Protocol):
    """A running store that tests connect to and hurt."""

    def store(self) -> Store:
        """Another client, not connected yet."""
        ...

    async def flush(self) -> None:
        """Lose all data, keep all connections."""
        ...

    async def delete_entities(self, beginning: bytes) -> None:
        """Lose all keys that begin so and end with the project's name: how Feast deletes entities."""
        ...

    def pause(self) -> None:
        """Answer nothing more before `stop`."""
        ...

    def stop(self) -> None:
        """Go down at once."""
        ...

    def start(self) -> None:
        """Come back with the data."""
        ...


class MemorySite:
    """In-memory shards, more than one."""

    def __init__(self, n_shards: int) -> None:
        self.shards = MemoryShards(n_shards)

    def store(self) -> Store:
        return MemoryStore(self.shards)

    async def flush(self) -> None:
        self.shards.flush()

    async def delete_entities(self, beginning: bytes) -> None:
        for shard in self.shards.shards:
            for key in [key for key in shard.hashes if key.startswith(beginning) and key.endswith(PROJECT.encode())]:
                del shard.hashes[key]

    def pause(self) -> None:
        """It answers when the loop turns."""

    def stop(self) -> None:
        self.shards.stop()

    def start(self) -> None:
        self.shards.start()


class ServerSite:
    """A Valkey or Redis server, under a project name of its own."""

    def __init__(self, server: ValkeyServer, settings: StoreSettings | None = None) -> None:
        self.server = server
        self.settings = settings or server.settings
        self.project = f"contract_{secrets.token_hex(4)}"

    def store(self) -> Store:
        return RedisStore(self.project, self.settings)

    def masters(self) -> list[StoreSettings]:
        return [self.server.settings]

    async def flush(self) -> None:
        for master in self.masters():
            link = await open_link(master)
            await link.call(b"FLUSHALL")
            link.close()

    async def delete_entities(self, beginning: bytes) -> None:
        for master in self.masters():
            link = await open_link(master)
            keys = await link.call(b"KEYS", beginning + b"*" + self.project.encode())
            for key in keys:  # in a cluster each has a slot of its own
                await link.call(b"DEL", key)
            link.close()

    def pause(self) -> None:
        self.server.pause()

    def stop(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()


class TlsSite(ServerSite):
    """Redis with TLS, used with the rights that are documented."""

    def __init__(self, server: TlsRedisServer) -> None:
        super().__init__(server)
        self._admin = server.admin_settings

    def masters(self) -> list[StoreSettings]:
        return [self._admin]


class ClusterSite(ServerSite):
    """A Redis Cluster."""

    def __init__(self, cluster: RedisCluster) -> None:
        super().__init__(cluster.nodes[0], cluster.settings)
        self.cluster = cluster

    def masters(self) -> list[StoreSettings]:
        return [node.settings for node in self.cluster.nodes]

    def pause(self) -> None:
        for node in self.cluster.nodes:
            node.pause()

    def stop(self) -> None:
        self.cluster.stop()

    def start(self) -> None:
        self.cluster.start()


class SentinelSite(ServerSite):
    """Redis by the name that a Sentinel knows."""

    def __init__(self, guarded: RedisSentinel) -> None:
        super().__init__(guarded.master, guarded.settings)
