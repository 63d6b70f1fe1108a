"""A store that goes away, forgets, or is flushed: the worker waits, and what it wrote before is right afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.bootstrap import ensure_births, rebuild_births
from tests.faults.worker_world import FaultWorld, fault_world
from tests.streams.shop import TOPIC
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_store_that_comes_back_finds_the_worker_waiting(tmp_path: Path) -> None:
    """Killed while events come: not ready but alive, the same process; back again, all is caught up with and right."""
    with fault_world(tmp_path) as world:
        world.ready()
        worker = world.worker(chunk_entities=10)
        worker.start()
        pid = worker.pid
        with world.sending(30_000):
            wait_until(lambda: worker.applied(TOPIC) > 1_000, 60)
            world.valkey.kill()
        wait_until(lambda: "store" in worker.problems(), 30)
        wait_until(lambda: worker.get("/healthz") == {"alive": True})
        assert world.rows() < 30_000
        world.valkey.start()
        world.confirmed(30_000)
        wait_until(worker.is_ready, 30)
        assert (worker.pid, worker.is_running) == (pid, True)
        assert world.compare(30_000) == 400


def test_a_store_that_hangs_is_waited_for(tmp_path: Path) -> None:
    """Frozen for longer than the deadline of a call: the worker gives the connection up and goes on afterwards."""
    with fault_world(tmp_path) as world:
        world.store_of_workers = world.valkey.settings.model_copy(update={"timeout_s": 0.5})
        world.ready()
        worker = world.worker(chunk_entities=10)
        worker.start()
        with world.sending(20_000):
            wait_until(lambda: worker.applied(TOPIC) > 1_000, 60)
            world.valkey.pause()
        wait_until(lambda: "store" in worker.problems(), 30)
        world.valkey.resume()
        world.confirmed(20_000)
        assert world.compare(20_000) == 400


def test_a_flushed_store_is_not_a_store_of_new_customers(tmp_path: Path) -> None:
    """Nothing is written to it until a birth is made from the lake; then the same process goes on, and all is right."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(5_000)
        worker = world.worker()
        worker.start()
        world.confirmed(5_000)
        world.ask(flush_all)
        world.send(2_000)
        wait_until(lambda: "millstream backfill --to-online" in worker.problems(), 30)
        wait_until(lambda: worker.get("/healthz") == {"alive": True})
        assert world.ask(count_keys) == 0
        world.ask(lambda store: ensure_births(store, world.lake, world.plan))
        world.confirmed(7_000)
        wait_until(worker.is_ready, 30)
        assert world.compare(7_000) == 400


def test_a_store_that_forgets_its_last_seconds_is_told_again(tmp_path: Path) -> None:
    """Brought back from an older copy of its file: states and progress are both old, so the rest is read again."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(8_000)
        worker = world.worker()
        worker.start()
        world.confirmed(8_000)
        world.valkey.stop()
        old = copy_of(world)
        world.valkey.start()
        world.send(8_000)
        world.confirmed(16_000)
        world.valkey.kill()
        restore(world, old)
        world.valkey.start()
        world.send(1_000)
        world.confirmed(17_000)
        assert world.compare(17_000) == 400


def test_a_store_that_forgets_what_the_broker_has_forgotten_too(tmp_path: Path) -> None:
    """Nobody can read those records again: the worker says so, and goes on once the states are made from the lake."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(3_000)
        worker = world.worker()
        worker.start()
        world.confirmed(3_000)
        world.valkey.stop()
        old = copy_of(world)
        world.valkey.start()
        world.send(3_000)
        world.confirmed(6_000)
        world.tansu.restart()
        world.create_topics()
        world.valkey.kill()
        restore(world, old)
        world.valkey.start()
        world.adopt()
        world.send(1_000)
        wait_until(lambda: "millstream backfill --to-online --rebuild" in worker.problems(), 60)
        world.ask(lambda store: rebuild_births(store, world.lake, world.plan, ["spend"]))
        world.confirmed(7_000, 90)
        assert world.compare(7_000) == 400


async def flush_all(store: object) -> None:
    (link,) = store._shards  # type: ignore[attr-defined]  # the one thing that no tool of ours offers
    await link.call(b"FLUSHALL")


async def count_keys(store: object) -> int:
    (link,) = store._shards  # type: ignore[attr-defined]  # as above
    return int(await link.call(b"DBSIZE"))


def copy_of(world: FaultWorld) -> dict[str, bytes]:
    files = [path for path in world.valkey.folder.rglob("*") if path.is_file() and path.suffix != ".log"]
    return {str(path.relative_to(world.valkey.folder)): path.read_bytes() for path in files}


def restore(world: FaultWorld, files: dict[str, bytes]) -> None:
    for path in world.valkey.folder.rglob("*"):
        if path.is_file() and path.suffix != ".log":
            path.unlink()
    for name, content in files.items():
        (world.valkey.folder / name).write_bytes(content)
