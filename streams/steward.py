"""Makes lanes ready: store connected, births and logs certified, start offsets found; and so again after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from features.agreement import ErasureLake, ErasureStore, agree_on_erasures
from features.bootstrap import birth_of, start_offset
from features.errors import BirthMissingError, MillstreamError
from features.nouns import SCORES_TOPIC
from features.plan import Plan
from features.store import Certificate, ProgressKey
from features.stranded import find_stranded
from streams.assignment import Assignment, Lane
from streams.intake import Intake
from streams.logs import LogInfo

LOOK_S = 1.0
"""How often births and refused lanes are looked at again."""
MAX_BACKOFF_S = 5.0
DEADLINE_S = 15.0
"""How long the neighbours may take for one look. A batch that is under way is waited for however long it takes."""

log: Final = structlog.get_logger(__name__)


class StewardStore(ErasureStore, Protocol):
    """The part of the store that tells where to begin."""

    async def connect(self) -> None:
        """Open (or reopen) the connection."""
        ...

    async def read_progress(self) -> dict[ProgressKey, int]:
        """Least over the shards."""
        ...

    def know_erasures(self, n_erasures: int) -> None:
        """Write from now on as one who leaves out so many forgotten entities."""
        ...


class LakeEnds(ErasureLake, Protocol):
    """The part of the lake that tells where it ends, and what was forgotten."""

    def end(self, topic: str, log: str, partition: int) -> int | None:
        """Next offset after the covered prefix."""
        ...

    def logs(self, topic: str) -> dict[str, list[int]]:
        """Partitions of each log that it holds records of."""
        ...


class TopicLogs(Protocol):
    """The part of the broker that tells which log a topic is, and what it holds."""

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        """Log and partitions of each topic that exists."""
        ...

    def first_offsets(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """First offset that each still holds."""
        ...


class Steward:
    """Runs beside the fetch loop, which goes on polling while lanes wait."""

    def __init__(
        self, *, plan: Plan, store: StewardStore, lake: LakeEnds, logs: TopicLogs, lanes: Assignment, intake: Intake
    ) -> None:
        self._plan = plan
        self._store = store
        self._lake = lake
        self._logs = logs
        self._lanes = lanes
        self._intake = intake
        self._births: dict[str, str] = {}
        self._erasures: frozenset[str] = frozenset()
        self._term = -1

    async def run(self) -> None:
        """Tend the lanes for ever; a neighbour that is down is asked again, ever more slowly."""
        backoff_s = 0.1
        while True:
            self._lanes.changed.clear()
            term = self._lanes.term
            try:
                await self.tend()
                backoff_s = 0.1
                wait_s = LOOK_S
            except Exception as error:
                problem = TimeoutError(f"no answer within {DEADLINE_S} s") if isinstance(error, TimeoutError) else error
                self._intake.fail(problem, term)
                self._lanes.changed.clear()
                wait_s = backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
            try:
                await asyncio.wait_for(self._lanes.changed.wait(), wait_s)
            except TimeoutError:
                continue

    async def tend(self) -> None:
        """One look: reconnect after a failure, begin a new term, start the lanes that wait."""
        lanes = self._lanes
        async with self._intake.lock, asyncio.timeout(DEADLINE_S):  # no batch may straddle two connections or two terms
            term = lanes.term
            if lanes.failure is not None:
                self._intake.engine.forget()  # or its progress might reach a store that has lost the states
                await self._store.connect()
            erasures = await agree_on_erasures(self._store, self._lake, self._plan)
            certificate = await self._store.read_certificate()
            births = self._births_in(certificate)
            if (births, erasures.ids) != (self._births, self._erasures) and self._term == term:
                log.warning("births or erasures have changed: starting anew")
                lanes.restart()
                term = lanes.term
            if self._term != term:
                await self._intake.engine.begin(births, erasures)
                self._store.know_erasures(len(erasures))
                self._births, self._erasures, self._term = births, erasures.ids, term
        if lanes.term == term:
            lanes.failure = None
            async with asyncio.timeout(DEADLINE_S):
                await self._start_lanes(certificate, term)

    def _births_in(self, certificate: Certificate) -> dict[str, str]:
        births = {}
        for view in self._plan.views:
            try:
                births[view.name] = birth_of(certificate, view).id
            except BirthMissingError:
                continue
        return births

    async def _start_lanes(self, certificate: Certificate, term: int) -> None:
        waiting = self._lanes.waiting()
        if not waiting:
            return
        described = await asyncio.to_thread(self._logs.describe, sorted({lane.topic for lane in waiting}))
        known = [(lane.topic, lane.partition) for lane in waiting if lane.topic in described]
        firsts = await asyncio.to_thread(self._logs.first_offsets, known)
        progress = await self._store.read_progress()
        stranded = {
            topic: await asyncio.to_thread(self._stranded, certificate, progress, topic, info.log)
            for topic, info in described.items()
        }
        for lane in waiting:
            info, first = described.get(lane.topic), firsts.get((lane.topic, lane.partition))
            if info is None or first is None:
                self._refuse(lane, f"topic {lane.topic} does not exist at the broker")
                continue
            lake_end = await asyncio.to_thread(self._lake.end, lane.topic, info.log, lane.partition)
            if self._lanes.term != term:
                return
            if (problem := stranded[lane.topic]) is not None:
                self._refuse(lane, problem)
            else:
                self._start(lane, info.log, first, lake_end, certificate, progress)

    def _stranded(
        self, certificate: Certificate, progress: Mapping[ProgressKey, int], topic: str, log_id: str
    ) -> str | None:
        """What states lack that cannot be read again; None where nothing, or where there are no states yet."""
        views = self._plan.views_of(topic)
        try:
            found = find_stranded(
                certificate=certificate, progress=progress, lake=self._lake, views=views, topic=topic, log=log_id
            )
        except BirthMissingError:
            return None  # its backfill brings everything back
        return str(found[0]) if found else None

    def _start(
        self,
        lane: Lane,
        log_id: str,
        first: int,
        lake_end: int | None,
        certificate: Certificate,
        progress: Mapping[ProgressKey, int],
    ) -> None:
        if lane.topic == SCORES_TOPIC:  # no view, no birth: what the broker has dropped unread is lost to the lake only
            lane.begin(log_id, max(lake_end or 0, first))
            return
        views = self._plan.views_of(lane.topic)
        try:
            for view in views:  # asked before the log: a lost store has lost both, and its backfill brings back both
                birth_of(certificate, view)
            start = start_offset(
                certificate=certificate,
                progress=progress,
                lake_end=lake_end,
                views=views,
                topic=lane.topic,
                log=log_id,
                partition=lane.partition,
            )
        except MillstreamError as error:
            self._refuse(lane, str(error))
            return
        if start < first:
            lost = f"records {start} to {first - 1} were deleted at the broker before they were read"
            self._refuse(lane, f"{lane.topic}/{lane.partition}: {lost}")
        else:
            lane.begin(log_id, start)

    def _refuse(self, lane: Lane, problem: str) -> None:
        if lane.problem != problem:
            log.error("not read", problem=problem)
        lane.refuse(problem)
