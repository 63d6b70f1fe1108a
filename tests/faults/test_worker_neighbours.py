"""A lake that refuses, a state that is damaged, workers that come and go, topics that are not there yet."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from deploy.worker_process import WorkerProcess
from features.bootstrap import rebuild_births
from features.feast_layout import entity_key, state_field
from features.nouns import SCORES_SOURCE
from streams.watchdog import EXIT_STALLED
from tests.faults.worker_world import fault_world
from tests.streams.shop import BIRTH
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_lake_that_refuses_is_waited_for(tmp_path: Path) -> None:
    """No progress is marked meanwhile; writable again, every record is one row of it, and states are right."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(1_000)
        worker = world.worker()
        worker.start()
        world.confirmed(1_000)
        lake, aside = tmp_path / "lake", tmp_path / "aside"
        lake.rename(aside)
        lake.write_text("no folder")
        world.send(2_000)
        wait_until(lambda: "lake" in worker.problems(), 30)
        wait_until(lambda: worker.get("/healthz") == {"alive": True})
        assert sum(world.ask(lambda store: store.read_progress()).values()) == 1_000
        lake.unlink()
        aside.rename(lake)
        world.confirmed(3_000)
        wait_until(worker.is_ready, 30)
        assert world.rows() == 3_000
        assert world.compare(3_000) == 400


def test_a_damaged_state_stops_the_worker_for_all_to_see(tmp_path: Path) -> None:
    """It is not overwritten: the worker pauses, names it, and ends with the watchdog's code; no neighbour is down.

    Made anew from the lake, the states are right, and the next worker goes on.
    """
    with fault_world(tmp_path) as world:
        world.ready()
        (view,) = world.plan.views
        key = entity_key("shop", view.keys, ["a7"])

        async def damage(store: object) -> None:
            (link,) = store._shards  # type: ignore[attr-defined]  # no tool of ours writes such a state
            await link.call(b"HSET", key, state_field(view.name, BIRTH), b"\x01 not a state")

        world.ask(damage)
        world.send(3_000)
        worker = world.worker(stall_s=30.0)  # longer than it takes to join the group
        worker.spawn()
        wait_until(lambda: "feature state" in worker.problems(), 60)
        wait_until(lambda: not worker.is_running, 90)
        assert worker.exit_code == EXIT_STALLED
        world.ask(lambda store: rebuild_births(store, world.lake, world.plan, [view.name]))
        worker.spawn()
        world.confirmed(3_000)
        assert world.compare(3_000) == 400


def test_a_worker_that_is_told_to_end_hands_over(tmp_path: Path) -> None:
    """Two share the partitions; one ends in mid-stream with code 0, the other goes on, nothing is lost or doubled."""
    with fault_world(tmp_path) as world:
        world.ready()
        first, second = world.worker("first"), world.worker("second")
        first.start()
        second.spawn()
        wait_until(lambda: len(lanes_of(first)) and len(lanes_of(second)) and second.is_ready(), 60)
        assert len(lanes_of(first)) + len(lanes_of(second)) == 6
        world.send(10_000)
        first.stop()
        assert first.exit_code == 0
        world.send(5_000)
        world.confirmed(15_000)
        wait_until(lambda: len(lanes_of(second)) == 6, 30)
        assert world.rows() == 15_000
        assert world.compare(15_000) == 400


def test_scores_enter_the_lake_without_adoption(tmp_path: Path) -> None:
    """Each record one row, refused or not, also while the domain's own topic waits for its adoption."""
    with fault_world(tmp_path) as world:
        world.certify()
        worker = world.worker()
        worker.spawn()
        world.send_scores(50)
        wait_until(lambda: len(world.lake.read(SCORES_SOURCE, valid_only=False)) == 50, 60)
        wait_until(lambda: "millstream adopt" in worker.problems(), 30)
        world.adopt()
        worker.wait_ready()
        world.send_scores(7)
        world.send(500)
        world.confirmed(500)
        wait_until(lambda: len(world.lake.read(SCORES_SOURCE, valid_only=False)) == 57, 60)


def lanes_of(worker: WorkerProcess) -> list[dict[str, object]]:
    page = worker.get("/positions")
    return page["partitions"] if page else []


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set by Linux alone")
def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    """No file of the worker can grow, its own log among them: it marks no progress, and is right afterwards.

    So it is when the worker starts, and when it runs.
    """
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(1_000)
        worker = world.worker()
        worker.spawn()
        process = psutil.Process(worker.pid)
        unlimited = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (100, unlimited[1]))
        wait_until(lambda: "lake" in worker.problems(), 60)
        process.rlimit(psutil.RLIMIT_FSIZE, unlimited)
        world.confirmed(1_000)
        process.rlimit(psutil.RLIMIT_FSIZE, (100, unlimited[1]))
        world.send(5_000)
        wait_until(lambda: "lake" in worker.problems(), 30)
        world.send(5_000)
        wait_until(lambda: worker.get("/healthz") == {"alive": True})
        assert sum(world.ask(lambda store: store.read_progress()).values()) == 1_000
        process.rlimit(psutil.RLIMIT_FSIZE, unlimited)
        world.confirmed(11_000)
        wait_until(worker.is_ready, 30)
        assert world.rows() == 11_000
        assert world.compare(11_000) == 400
