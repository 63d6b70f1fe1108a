"""The sites that every contract test runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from deploy.production_servers import RedisServer
from deploy.servers import ValkeyServer
from features.store import Store
from tests.contracts.sites import ClusterSite, MemorySite, SentinelSite, ServerSite, Site, TlsSite
from tests.redis_servers import needs_redis

SITES = [
    "memory",
    "memory of three shards",
    pytest.param("valkey", marks=pytest.mark.servers),
    *(
        pytest.param(name, marks=[pytest.mark.servers, needs_redis])
        for name in ("redis", "redis with TLS", "redis cluster", "redis sentinel")
    ),
]


@pytest.fixture(params=SITES)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """A running store, empty."""
    shared: Site | None = None
    if request.param.startswith("memory"):
        shared = MemorySite(3 if "three" in request.param else 1)
    elif request.param == "redis with TLS":
        shared = TlsSite(request.getfixturevalue("redis_with_tls"))
    elif request.param == "redis cluster":
        shared = ClusterSite(request.getfixturevalue("redis_cluster"))
    elif request.param == "redis sentinel":
        shared = SentinelSite(request.getfixturevalue("redis_sentinel"))
    if shared is not None:
        shared.start()
        await shared.flush()
        yield shared
        return
    program = ValkeyServer if request.param == "valkey" else RedisServer
    with program(tmp_path) as server:
        client = redis.Redis(host=server.host, port=server.port)
        client.config_set("appendfsync", "always")  # with everysec a busy disk puts writes off, and a kill loses them
        client.close()
        yield ServerSite(server)


@pytest.fixture
async def store(site: Site) -> AsyncIterator[Store]:
    """A connected client."""
    store = site.store()
    await store.connect()
    yield store
    await store.close()


@pytest.fixture
async def reader(site: Site) -> AsyncIterator[Store]:
    """Another client, connected too."""
    reader = site.store()
    await reader.connect()
    yield reader
    await reader.close()
