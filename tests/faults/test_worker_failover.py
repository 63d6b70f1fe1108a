"""A store whose servers change: a replica that lags takes over, a cluster loses a master's last writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.production_servers import RedisServer
from features.bootstrap import ensure_births
from features.settings import StoreSettings
from tests.faults.worker_world import FaultWorld, fault_world
from tests.redis_servers import RedisCluster, RedisSentinel, client_of, needs_redis
from tests.streams.shop import TOPIC
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(180), needs_redis]

FOR_LONG_MS = 600_000  # a Sentinel promotes no replica that has lagged for ten times as long
PROGRESS = "_ms:shop:progress:"


def test_a_replica_that_lags_takes_over(tmp_path: Path) -> None:
    """Its states and progress are old together: the worker reads the rest again, and all is right."""
    with RedisSentinel(tmp_path / "redis", FOR_LONG_MS) as guarded, fault_world(tmp_path) as world:
        begin(world, guarded.settings)
        worker = world.worker(cache_bytes=20_000)
        worker.start()
        world.send(6_000)
        world.confirmed(6_000)
        wait_until(lambda: progress_at(guarded.replica) == progress_at(guarded.master), 30)
        guarded.shut_replica_out()
        world.send(6_000)
        world.confirmed(12_000)
        lag = progress_at(guarded.master) - progress_at(guarded.replica)
        assert lag == 6_000
        guarded.master.kill()
        guarded.fail_over()
        world.send(1_000)
        world.confirmed(13_000)
        wait_until(worker.is_ready, 30)
        assert worker.is_running
        assert world.compare(13_000) == 400


def test_a_cluster_goes_on_where_its_slowest_shard_stands(tmp_path: Path) -> None:
    """One of three masters forgets its last writes: reading begins at the least progress. Moved slots are reborn."""
    with RedisCluster(tmp_path / "redis") as cluster, fault_world(tmp_path) as world:
        begin(world, cluster.settings)
        worker = world.worker(cache_bytes=20_000)
        worker.start()
        world.send(6_000)
        world.confirmed(6_000)
        victim = cluster.nodes[1]
        victim.stop()
        old = {path: path.read_bytes() for path in (victim.folder / "appendonlydir").iterdir()}
        cluster.start()
        world.send(6_000)
        world.confirmed(12_000)
        victim.kill()
        for path in (victim.folder / "appendonlydir").iterdir():
            path.unlink()
        for path, content in old.items():
            path.write_bytes(content)
        cluster.start()
        world.send(1_000)
        world.confirmed(13_000)
        wait_until(lambda: worker.applied(TOPIC) == 13_000)
        assert world.compare(13_000) == 400
        cluster.move(8_000, victim, cluster.nodes[0])
        world.send(500)
        wait_until(lambda: "millstream backfill --to-online" in worker.problems(), 30)
        world.ask(lambda store: ensure_births(store, world.lake, world.plan))
        world.confirmed(13_500)
        assert world.compare(13_500) == 400


def begin(world: FaultWorld, settings: StoreSettings) -> None:
    """Use that store."""
    world.store = world.store_of_workers = settings
    world.ready()


def progress_at(server: RedisServer) -> int:
    """Sum of the marks that one server has."""
    with client_of(server) as client:
        return sum(map(int, client.hvals(PROGRESS)))
