"""What the doctor says of the store."""

from __future__ import annotations

import pytest

from deploy.doctor import NotWellError, attempt, check_store
from deploy.servers import ValkeyServer
from features.settings import Settings, StoreSettings
from tests.redis_servers import RedisCluster, client_of, needs_redis

pytestmark = [pytest.mark.servers, needs_redis]


def test_every_server_of_the_store_is_asked(redis_cluster: RedisCluster) -> None:
    """One node that may evict is enough to lose features in silence."""
    redis_cluster.start()
    settings = Settings(store=redis_cluster.settings)
    report = check_store(settings)
    assert all(f"{node.address}, noeviction, append-only file on" in report for node in redis_cluster.nodes)
    with client_of(redis_cluster.nodes[1]) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            with pytest.raises(NotWellError, match=f":{redis_cluster.nodes[1].port}: maxmemory-policy is allkeys-lru"):
                check_store(settings)
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_a_store_that_cannot_be_asked_is_a_finding(valkey: ValkeyServer) -> None:
    """Not a traceback."""
    finding = attempt("store", lambda: check_store(Settings(store=StoreSettings(cluster=valkey.address))))
    assert not finding.ok
    assert "MILLSTREAM_STORE__CLUSTER" in finding.detail
