"""What the doctor says of store and broker."""

from __future__ import annotations

import pytest

from deploy.doctor import NotWellError, attempt, check_broker, check_store
from deploy.servers import TansuServer, ValkeyServer
from features.settings import KafkaSettings, Settings, StoreSettings
from streams.logs import KafkaLogs
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


def test_a_topic_that_is_not_there_is_named(tansu: TansuServer) -> None:
    """Of those that events come from, too."""
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=tansu.address))
    KafkaLogs(tansu.address).create(["doctored"], 1)
    with pytest.raises(NotWellError, match=r"has no topic .*imagined, unseen; `millstream up` makes it") as found:
        check_broker(settings, ["imagined", "doctored", "unseen"])
    assert "doctored" not in str(found.value)
