"""The workers of a stack: a group for each plan that is to be fed, started and ended as plans come and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from deploy.rooms import Room
from features.plan_shelf import InForce, fed_plans, plans_in_force

WorkerPorts = tuple[int, int]
"""Metrics and web."""


class Change(NamedTuple):
    """What there is to start, and the names of what there is to stop."""

    start: Sequence[Room] = ()
    stop: Sequence[str] = ()


class WorkerGroups:
    """Which workers should run, each under a name and ports of its own that are given again once they are free.

    Parameters
    ----------
    state_dir
        Says which plans are in force.
    n_workers
        Of each plan.
    make_worker
        A worker, from its name, the hash of its plan and its ports.
    find_ports
        Gives two free ports.

    """

    def __init__(
        self,
        state_dir: Path,
        *,
        n_workers: int,
        make_worker: Callable[[str, str, WorkerPorts], Room],
        find_ports: Callable[[], WorkerPorts],
    ) -> None:
        self._state_dir = state_dir
        self._n_workers = n_workers
        self._make_worker = make_worker
        self._find_ports = find_ports
        self._ports: dict[str, WorkerPorts] = {}
        self._followed: InForce | None = None
        self.plan_of: dict[str, str] = {}

    @property
    def metrics_ports(self) -> list[int]:
        """Where the pages of the workers that should run are."""
        return [self._ports[name][0] for name in self.plan_of]

    def follow(self) -> Change:
        """What has changed since the last look."""
        in_force = plans_in_force(self._state_dir)
        if in_force == self._followed:
            return Change()
        fed = fed_plans(self._state_dir, in_force)
        stop = [name for name, plan_hash in self.plan_of.items() if plan_hash not in fed]
        running = set(self.plan_of.values())
        start = [
            self._worker(plan_hash) for plan_hash in fed if plan_hash not in running for _ in range(self._n_workers)
        ]
        for name in stop:
            del self.plan_of[name]
        self._followed = in_force  # last: what failed is looked at again
        return Change(start, stop)

    def _worker(self, plan_hash: str) -> Room:
        names = ("worker" if number == 1 else f"worker-{number}" for number in count(1))
        name = next(name for name in names if name not in self.plan_of)
        self.plan_of[name] = plan_hash
        if name not in self._ports:
            self._ports[name] = self._find_ports()
        return self._make_worker(name, plan_hash, self._ports[name])
