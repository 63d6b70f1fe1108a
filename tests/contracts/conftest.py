"""The sites that every contract test runs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from deploy.production_servers import RedisServer, redis_is_installed
from deploy.servers import ValkeyServer
from features.store import Store, StoreReader
from tests.contracts.sites import MemorySite, ServerSite, Site

without_redis = pytest.mark.skipif(not redis_is_installed(), reason="no redis-server on PATH: make servers")
SITES = [
    "memory",
    "memory of three shards",
    pytest.param("valkey", marks=pytest.mark.servers),
    pytest.param("redis", marks=[pytest.mark.kafka, without_redis]),
]


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A running store of one's own."""
    if request.param.startswith("memory"):
        yield MemorySite(3 if "three" in request.param else 1)
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
def reader(site: Site) -> Iterator[StoreReader]:
    """A reader of the same store."""
    reader = site.reader()
    yield reader
    reader.close()
