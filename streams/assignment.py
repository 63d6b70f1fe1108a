"""The partitions that this worker has now, and the term under which what was fetched from them counts.

A term ends with every rebalance, every new store connection and every failure. What was fetched in an older term is
dropped, and each partition starts anew from its start offset, so recovery has one way only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Literal

LaneState = Literal["starting", "seeking", "running", "refused"]


class Lane:
    """One assigned partition.

    It starts, is told its start offset (``seeking``), and runs once the consumer stands there; or it is refused, with
    the problem that keeps it from starting. ``fetched`` is the next offset to come from the broker, ``applied`` the
    next one whose states are not confirmed, ``committed`` the next one that a restart would read again.
    """

    __slots__ = ("applied", "committed", "end", "fetched", "log", "partition", "problem", "start", "state", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.log = ""
        self.state: LaneState = "starting"
        self.problem: str | None = None
        self.start = self.fetched = 0
        self.applied: int | None = None
        self.committed: int | None = None
        self.end: int | None = None

    @property
    def behind(self) -> int | None:
        """Records that the broker holds and whose states are not confirmed; None while either is unknown."""
        return None if self.end is None or self.applied is None else max(0, self.end - self.applied)

    def begin(self, log: str, start: int) -> None:
        """Ask the fetch loop to stand at this offset of this log."""
        self.log = log
        self.start = self.fetched = start
        self.applied = self.committed = start
        self.state, self.problem = "seeking", None

    def refuse(self, problem: str) -> None:
        """Stay paused, for this reason, until a later look finds it cured."""
        self.state, self.problem = "refused", problem


class Assignment:
    """All lanes of this worker, and its term. Used from the event loop's thread; others only look."""

    def __init__(self) -> None:
        self.term = 0
        self.lanes: dict[tuple[str, int], Lane] = {}
        self.failure: str | None = "starting"
        self.joined = False
        self.changed = asyncio.Event()
        self._n_waiting = 0
        self._room = asyncio.Event()

    def assign(self, partitions: Collection[tuple[str, int]]) -> None:
        """Hold exactly these partitions, each from its start offset."""
        self.joined = True
        self.lanes = {at: Lane(*at) for at in sorted(partitions)}
        self._renew()

    def revoke(self) -> None:
        """Hold none until the group assigns again."""
        self.joined = False
        self.lanes = {}
        self._renew()

    def restart(self) -> None:
        """Start every lane anew, because what was fetched may have been lost on its way."""
        for lane in self.lanes.values():
            lane.state = "starting"
        self._renew()

    def fail(self, problem: str) -> None:
        """Start every lane anew, once the neighbour that failed is there again."""
        self.failure = problem
        self.restart()

    def running(self) -> list[Lane]:
        """Lanes that are being read."""
        return [lane for lane in self.lanes.values() if lane.state == "running"]

    def waiting(self) -> list[Lane]:
        """Lanes that want a start offset."""
        return [lane for lane in self.lanes.values() if lane.state in {"starting", "refused"}]

    def problems(self) -> list[str]:
        """Why this worker is not ready; empty when it is."""
        found = [] if self.failure is None else [self.failure]
        if not self.joined:
            found.append("the consumer group has assigned no partitions yet")
        paused = [lane for lane in list(self.lanes.values()) if lane.state != "running"]
        found += [lane.problem or f"{lane.topic}/{lane.partition} is {lane.state}" for lane in paused]
        return list(dict.fromkeys(found))

    def take_up(self) -> None:
        """Count a batch that was handed to the engine."""
        self._n_waiting += 1

    def put_down(self, term: int) -> None:
        """Count that the engine is done with one."""
        if term == self.term:
            self._n_waiting -= 1
            self._room.set()

    async def room(self, timeout_s: float) -> bool:
        """Wait until the engine is near enough to take more; False when it is not within that time.

        That is when it has the last in hand. What comes meanwhile gathers at the broker: batches grow with the time
        that one takes, and so with the load, where many small ones would stand in line.
        """
        while self._n_waiting > 1:
            self._room.clear()
            try:
                await asyncio.wait_for(self._room.wait(), timeout_s)
            except TimeoutError:
                return False
        return True

    def committed(self, topic: str, log: str, partition: int, next_offset: int) -> None:
        """Note where a restart would read from."""
        lane = self.lanes.get((topic, partition))
        if lane is not None and lane.log == log:
            lane.committed = next_offset

    def is_idle(self) -> bool:
        """Whether nothing is to be done here: all that can be read has been, and the rest waits for someone else."""
        if not self.joined or self.failure is not None or self._n_waiting:
            return False
        return all(
            lane.state == "refused" or (lane.state == "running" and not lane.behind) for lane in self.lanes.values()
        )

    def offsets_to_commit(self) -> dict[tuple[str, int], int]:
        """What lag monitors are told: the offset that a restart would read from, per partition."""
        return {(lane.topic, lane.partition): lane.committed for lane in self.running() if lane.committed is not None}

    def _renew(self) -> None:
        self.term += 1
        self._n_waiting = 0
        self._room.set()
        self.changed.set()
