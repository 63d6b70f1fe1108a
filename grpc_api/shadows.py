"""Shadows: versions that score the same requests as those that answer, and are heard by nobody but the records.

A request is put into a bounded queue once its whole answer is made, and is scored after that has gone. Shadows take at
most a share of the loop's time, in small portions: what that is too little for is dropped and counted. So they can
neither hold up a request, by more than one portion, nor fail it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from features.clock import Clock
from features.errors import UnavailableError
from grpc_api.births import Births
from grpc_api.laps import Laps
from grpc_api.lookup import Fetched, Fetcher
from grpc_api.meter import Meter, Shadowed, told
from grpc_api.model_set import ModelSet
from grpc_api.records import RecordSink
from grpc_api.scoring import Scored, score_rows
from grpc_api.served_model import ServedModel

logger: Final = structlog.get_logger(__name__)

LIMIT: Final = 1_000
"""Requests that may wait for their shadows."""

PORTION_ROWS: Final = 8
"""Requests that are scored without a pause: for so long, about a millisecond, may another request wait."""

SHARE: Final = 0.2
"""Part of the loop's time that shadows may take."""

LINGER_S: Final = 0.005
"""After this long an answer has left the process."""


class _Waiting(NamedTuple):
    """A request that was answered, and the shadow that is to score it."""

    shadow: ServedModel
    answered: Scored
    gone_s: float
    """Instant of the loop's clock at which the answer has left the process."""

    @property
    def births(self) -> Births | None:
        """Those of the states of the answer, where the shadow reads no other ones."""
        answered = self.answered
        if answered.finished is None or self.shadow.view_hashes.items() <= answered.model.view_hashes.items():
            return answered.births
        return None


class Shadows:
    """Scores answered requests again, in a task of its own.

    Parameters
    ----------
    fetcher
        For shadows that read other views than the version that answered.
    records, meter, clock
        Collaborators.

    """

    def __init__(self, *, fetcher: Fetcher, records: RecordSink, meter: Meter, clock: Clock) -> None:
        self._fetcher = fetcher
        self._records = records
        self._meter = meter
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def offer(self, models: ModelSet, outcomes: Iterable[Scored | Exception]) -> None:
        """Have the model's shadow, where it has one, score these too, whose answer is about to go; never waits."""
        if models.shadow is None:
            return
        gone_s = asyncio.get_running_loop().time() + LINGER_S
        for outcome in outcomes:
            if isinstance(outcome, Scored):
                self._offer(models, outcome, gone_s)

    def _offer(self, models: ModelSet, answered: Scored, gone_s: float) -> None:
        asked = answered.asked
        shadow = models.shadow_of(asked.entity, asked.request_id, asked.routing_key)
        if shadow is None or not can_shadow(shadow, answered):
            return
        if len(self._waiting) >= LIMIT:
            self._meter.note(Shadowed(shadow.name, "dropped"))
            return
        self._waiting.append(_Waiting(shadow, answered, gone_s))
        self._wake.set()

    def start(self) -> None:
        """Begin to score."""
        self._task = asyncio.create_task(self._run(), name="shadows")

    async def stop(self) -> None:
        """End; what waits still is counted as dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        while self._waiting:
            self._meter.note(Shadowed(self._waiting.popleft().shadow.name, "dropped"))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await asyncio.sleep(self._waiting[0].gone_s - asyncio.get_running_loop().time())
                n_rows = min(PORTION_ROWS, len(self._waiting))
                took_s = await self._score([self._waiting.popleft() for _ in range(n_rows)])
                await asyncio.sleep(took_s * (1 / SHARE - 1))

    async def _score(self, portion: list[_Waiting]) -> float:
        """Score and record some requests; how long the loop was held up."""
        took_s = 0.0
        for (_, births), group in groupby(portion, lambda one: (id(one.shadow), one.births)):
            waiting = list(group)
            shadow, rows = waiting[0].shadow, [one.answered for one in waiting]
            try:
                took_s += await self._score_rows(shadow, rows, births)
            except Exception as error:  # whatever is wrong with a shadow, nobody else is to hear of it
                if not isinstance(error, UnavailableError):
                    logger.exception("shadow_failed", model=shadow.name, version=shadow.version)
                for _ in rows:
                    self._meter.note(Shadowed(shadow.name, "failed"))
        return took_s

    async def _score_rows(self, shadow: ServedModel, rows: list[Scored], births: Births | None) -> float:
        """``births`` are those of the states that were read for the answers, None where others are to be read."""
        asked = [replace(row.asked, as_of_us=row.as_of_us) for row in rows]
        if births is not None:
            fetched = Fetched(births, [states_of(shadow, row) for row in rows if row.finished is not None])
        else:
            entities = [one.entity for one in asked]
            fetched = await self._fetcher.fetch(shadow.inputs.views, shadow.inputs.keys, entities)
        begin_s = time.perf_counter()
        laps = Laps("shadow")
        outcomes = score_rows(shadow, asked, fetched, self._clock.now_us(), laps)
        scored = [outcome for outcome in outcomes if isinstance(outcome, Scored)]
        self._records.send(scored)
        self._meter.note(told(shadow, scored, laps))
        for outcome in outcomes:
            self._meter.note(Shadowed(shadow.name, "scored" if isinstance(outcome, Scored) else "failed"))
        return time.perf_counter() - begin_s


def can_shadow(shadow: ServedModel, answered: Scored) -> bool:
    """Whether a shadow can score what was answered: not where the store was away, nor a vector unlike its own."""
    if answered.asked.vector is not None:
        return shadow.features == answered.model.features
    return answered.finished is not None and answered.finished.stored is not None


def states_of(shadow: ServedModel, answered: Scored) -> list[bytes | None]:
    """The states that the answer was made of, in the order of the shadow's views."""
    stored = None if answered.finished is None else answered.finished.stored
    by_view = dict(zip(answered.model.view_hashes, stored or (), strict=True))
    return [by_view[view.name] for view in shadow.inputs.views]
