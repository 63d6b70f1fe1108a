"""A stack runs workers of each plan that is to be fed, and of no other."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from deploy.rooms import Room, make_worker
from deploy.worker_groups import Change, WorkerGroups, WorkerPorts
from features.errors import DomainError
from features.plan_shelf import InForce, put_in_force, put_on_shelf
from tests.streams.shop import plan, view

OLD, NEW = plan("shop", view("spend", "aa")), plan("shop", view("spend", "bb"))


def groups(folder: Path, n_workers: int) -> WorkerGroups:
    ports = count(20_000)

    def worker(name: str, plan_hash: str, at: WorkerPorts) -> Room:
        return make_worker(name, plan_hash, at, repo=folder, log_dir=folder)

    put_on_shelf(OLD, b"", folder)
    put_on_shelf(NEW, b"", folder)
    put_in_force(folder, InForce(serving=OLD.hash))
    return WorkerGroups(folder, n_workers=n_workers, make_worker=worker, find_ports=lambda: (next(ports), next(ports)))


def test_a_plan_that_cannot_be_read_is_looked_at_again(tmp_path: Path) -> None:
    """What runs goes on, and the plan's workers start once it is there."""
    running = groups(tmp_path, 1)
    running.follow()
    late = plan("shop", view("spend", "cc"))
    put_in_force(tmp_path, InForce(serving=OLD.hash, kept=(late.hash,)))
    for _ in range(2):
        with pytest.raises(DomainError, match="is not in"):
            running.follow()
    assert set(running.plan_of.values()) == {OLD.hash}
    put_on_shelf(late, b"", tmp_path)
    assert [late.hash in room.command() for room in running.follow().start] == [True]


def test_workers_come_and_go_with_their_plans(tmp_path: Path) -> None:
    """Those of a plan that arrives beside the others; names and ports that came free are given again."""
    running = groups(tmp_path, 2)
    first = running.follow()
    assert ([room.name for room in first.start], list(first.stop)) == (["worker", "worker-2"], [])
    assert running.metrics_ports == [20_000, 20_002]
    assert running.follow() == Change()

    put_in_force(tmp_path, InForce(serving=OLD.hash, arriving=NEW.hash))
    second = running.follow()
    assert ([room.name for room in second.start], list(second.stop)) == (["worker-3", "worker-4"], [])
    assert set(running.plan_of.values()) == {OLD.hash, NEW.hash}
    assert NEW.hash in second.start[0].command()

    put_in_force(tmp_path, InForce(serving=NEW.hash, kept=(OLD.hash,)))
    assert running.follow() == Change(start=[], stop=[])
    put_in_force(tmp_path, InForce(serving=NEW.hash))
    assert running.follow() == Change(start=[], stop=["worker", "worker-2"])
    assert running.plan_of == {"worker-3": NEW.hash, "worker-4": NEW.hash}

    put_in_force(tmp_path, InForce(serving=NEW.hash, arriving=OLD.hash))
    again = running.follow()
    assert [(room.name, room.port) for room in again.start] == [("worker", 20_000), ("worker-2", 20_002)]
