"""A worker that dies, or sleeps past its session, loses nothing and counts nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.worker_world import fault_world
from tests.streams.shop import TOPIC
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_worker_killed_while_it_reads_loses_nothing(tmp_path: Path) -> None:
    """Killed twice while events come, and started again: every event is in its state once, and in the lake once."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(60_000)
        for _ in range(2):
            worker = world.worker(chunk_entities=10)
            worker.start()
            before = world.rows()
            with world.sending(15_000):
                wait_until(lambda w=worker, n=before: w.applied(TOPIC) > n + 1_000, 60)
                worker.kill()
        assert world.rows() < 90_000
        worker.start()
        world.confirmed(90_000, 120)
        assert world.compare(90_000) == 400


def test_a_worker_woken_after_its_session_changes_nothing(tmp_path: Path) -> None:
    """Frozen while events come, its partitions taken over by another, and woken: both were right, as the states are."""
    with fault_world(tmp_path) as world:
        world.ready()
        sleeper = world.worker("sleeper", chunk_entities=5)
        sleeper.start()
        with world.sending(20_000):
            wait_until(lambda: sleeper.applied(TOPIC) > 500, 60)
            sleeper.pause()
        other = world.worker("other")
        other.start()
        world.confirmed(20_000)
        world.send(5_000)
        sleeper.resume()
        world.send(5_000)
        world.confirmed(30_000)
        wait_until(lambda: sleeper.is_ready() and other.is_ready(), 60)
        world.send(1_000)
        world.confirmed(31_000)
        assert world.compare(31_000) == 400
