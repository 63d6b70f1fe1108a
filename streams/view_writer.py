"""Events of one batch into the states of one view: loaded, folded, and set where nobody wrote in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from features.erasure import NO_ERASURES, Eras, Erasures
from features.errors import RequestError, StoreUnavailableError
from features.feast_layout import KeyLayout
from features.kernel import ViewKernel
from features.kernels import open_kernel
from features.nouns import Partition
from features.plan import SourcePlan, ViewPlan
from features.reach import Reach
from features.state import State, era_of, head_of
from features.store import StateWrite
from streams.entities import Entity, EntityCache, Grouping
from streams.metrics import WorkerMetrics

CHUNKS_AHEAD = 4
"""Chunks whose unknown states are asked for before they are needed."""
CHUNKS_IN_FLIGHT = 8
"""Chunks that may be unconfirmed: enough to keep the store busy, few enough to bound what waits."""
MAX_ROUNDS = 100
"""Rounds of conflicts in one batch. In each, some writer gets through; more of them point at something else."""


class StateStore(Protocol):
    """The part of the store that states go through."""

    async def read_states(self, view: str, birth: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """Stored states, None where there is none."""
        ...

    async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        """Compare and set each; None where it was written, else the state that stands there."""
        ...


class Events(NamedTuple):
    """A decoded batch: parallel lists; a row of None is no valid event."""

    topic: str
    partition: Partition
    offsets: Sequence[int]
    event_us: Sequence[int]
    rows: Sequence[Sequence[Any] | None]


class Touched(NamedTuple):
    """An entity that a batch has events of, and which."""

    group: Hashable
    indexes: list[int]


class Pending(NamedTuple):
    """A write that is not confirmed, and what is to be counted once it is."""

    touched: Touched
    write: StateWrite
    fenced: int
    too_late: int


class Conflict(NamedTuple):
    """A write that met another state (empty: none) than the one it was computed from."""

    touched: Touched
    stored: bytes


class Feed(NamedTuple):
    """One topic of a view: whose its rows are, and how they are folded. The states are those of the view."""

    grouping: Grouping
    kernel: ViewKernel


class ViewWriter:
    """Folds batches into one view's states, one batch at a time: between two, every cached state is confirmed.

    All topics of the view go through one writer, so that what one of them has written the next does not read again.
    """

    def __init__(
        self,
        view: ViewPlan,
        sources: Sequence[SourcePlan],
        *,
        project: str,
        store: StateStore,
        metrics: WorkerMetrics,
        cache_bytes: int,
        chunk_entities: int,
        coalesce_feast_fields: bool = False,
    ) -> None:
        self.view = view
        self.birth = ""
        self._eras: Eras | None = None
        self._feeds = {source.topic: Feed(Grouping(view, source), open_kernel(view, source)) for source in sources}
        self._grouping, self._kernel = self._feeds[view.topic]
        self._layout = KeyLayout(project, view.keys)
        self._cache = EntityCache(cache_bytes)
        self._store = store
        self._chunk_entities = chunk_entities
        self._coalesces = coalesce_feast_fields
        self._lagging: dict[Hashable, Entity] = {}
        """Entities whose states may be ahead of Feast's fields."""
        self._reach = Reach(view)
        self._fenced = metrics.fenced.labels(view.name)
        self._too_late = metrics.too_late.labels(view.name)
        self._keyless = metrics.keyless.labels(view.name)
        self._written = metrics.states_written.labels(view.name)
        self._conflicts = metrics.conflicts.labels(view.name)
        self._read = metrics.states_read.labels(view.name)
        self._cached = metrics.cached.labels(view.name)
        self._cached_bytes = metrics.cached_bytes.labels(view.name)

    def begin(self, birth: str, erasures: Erasures = NO_ERASURES) -> None:
        """Write to this birth from now on, in knowledge of these erasures, and trust no state from before."""
        self.birth = birth
        self._eras = erasures.eras_of([key.name for key in self.view.keys])
        self._cache.clear()
        self._lagging.clear()

    async def write(self, events: Events, check: Callable[[], None]) -> None:
        """Fold a batch in; return once every state is confirmed. ``check`` raises to end it between two chunks."""
        groups = self._feeds[events.topic].grouping.group(events.rows)
        if None in groups:
            self._keyless.inc(len(groups.pop(None)))
        in_flight: deque[asyncio.Task[list[Conflict]]] = deque()
        conflicts: list[Conflict] = []
        try:
            async for chunk in self._loaded(groups):
                check()
                writes = self._fold_chunk(chunk, events)
                if writes:
                    in_flight.append(asyncio.create_task(self._write(writes)))
                if len(in_flight) > CHUNKS_IN_FLIGHT:
                    conflicts += await in_flight.popleft()
                await asyncio.sleep(0)
            while in_flight:
                conflicts += await in_flight.popleft()
        finally:
            await asyncio.gather(*in_flight, return_exceptions=True)
        await self._settle(conflicts, events, check)
        self._cached.set(len(self._cache))
        self._cached_bytes.set(self._cache.n_bytes)

    async def refresh(self) -> None:
        """Write Feast's fields where states went ahead of them; progress may be marked only then.

        After a crash before the mark the events are read again, and who holds them already lags again. Where another
        writer has gone on, its events are not marked either, and the fields are its own to write.
        """
        lagging, self._lagging = list(self._lagging.values()), {}
        size = self._chunk_entities
        for begin in range(0, len(lagging), size * CHUNKS_IN_FLIGHT):
            some = lagging[begin : begin + size * CHUNKS_IN_FLIGHT]
            tasks = [asyncio.create_task(self._refresh(some[at : at + size])) for at in range(0, len(some), size)]
            try:
                for task in tasks:
                    await task
            finally:
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self, entities: Sequence[Entity]) -> None:
        writes = [
            StateWrite(entity.key, head_of(entity.stored), entity.stored, self._kernel.fields(state))
            for entity in entities
            if (state := self._state(entity)).newest_us is not None
        ]
        await self._store.write_states(self.view.name, self.birth, writes)

    async def _loaded(self, groups: dict[Hashable, list[int]]) -> Any:
        """Chunks of (touched, entity), with the states of unknown entities read some chunks ahead."""
        touched = [Touched(group, indexes) for group, indexes in groups.items()]
        size = self._chunk_entities
        ahead: deque[asyncio.Task[list[tuple[Touched, Entity]]] | list[tuple[Touched, Entity]]] = deque()
        try:
            for begin in range(0, len(touched), size):
                ahead.append(self._load(touched[begin : begin + size]))
                if len(ahead) > CHUNKS_AHEAD:
                    chunk = ahead.popleft()
                    yield chunk if isinstance(chunk, list) else await chunk
            while ahead:
                chunk = ahead.popleft()
                yield chunk if isinstance(chunk, list) else await chunk
        finally:
            await asyncio.gather(*(task for task in ahead if not isinstance(task, list)), return_exceptions=True)

    def _load(self, chunk: list[Touched]) -> asyncio.Task[list[tuple[Touched, Entity]]] | list[tuple[Touched, Entity]]:
        """Entities of a chunk: at once when all are cached, else by a task that reads the others."""
        get = self._cache.get
        found = [(touched, get(touched.group)) for touched in chunk]
        if all(entity is not None for _, entity in found):
            return found  # type: ignore[return-value]  # just checked
        return asyncio.create_task(self._read_missing(found))

    async def _read_missing(self, found: list[tuple[Touched, Entity | None]]) -> list[tuple[Touched, Entity]]:
        keyed = [(touched, self._key(touched)) for touched, entity in found if entity is None]
        missing = [(touched, key) for touched, key in keyed if key is not None]
        states = await self._store.read_states(self.view.name, self.birth, [key for _, key in missing])
        self._read.inc(len(missing))
        read = {
            touched.group: self._entity(touched, key, state)
            for (touched, key), state in zip(missing, states, strict=True)
        }
        for group, entity in read.items():
            self._cache.put(group, entity)
        entities = ((touched, entity or read.get(touched.group)) for touched, entity in found)
        return [(touched, entity) for touched, entity in entities if entity is not None]

    def _key(self, touched: Touched) -> bytes | None:
        """The entity's key; None, counted, when its values make none (they fit the event, not Feast's key)."""
        try:
            return self._layout.key(self._grouping.values(touched.group))
        except RequestError:
            self._keyless.inc(len(touched.indexes))
            return None

    def _entity(self, touched: Touched, key: bytes, stored: bytes | None) -> Entity:
        era = 0 if self._eras is None else self._eras.era(self._grouping.values(touched.group))
        return Entity(key, stored or b"", era)

    def _state(self, entity: Entity) -> State:
        """The state that stands in the store; a new one where that is from before the entity was forgotten."""
        stored, era = entity.stored, entity.era
        current = stored and (not era or era_of(stored) >= era)
        return self._kernel.decode(stored) if current else self._kernel.new_state(era)

    def _fold_chunk(self, chunk: Iterable[tuple[Touched, Entity]], events: Events) -> list[Pending]:
        """What is to be written of a chunk: the entities that an event changed."""
        topic, partition, offsets, event_us, rows = events
        kernel, reach = self._feeds[topic].kernel, self._reach
        apply_many, encode, fields = kernel.apply_many, kernel.encode, kernel.fields
        cache, time_of = self._cache, event_us.__getitem__
        longest_us = reach.longest_us
        writes = []
        held_already = 0
        for touched, entity in chunk:
            state, indexes = self._state(entity), touched.indexes
            before_us = state.newest_us
            applied = apply_many(state, partition, offsets, event_us, rows, indexes)
            fenced, late = len(indexes) - applied, 0
            if self._coalesces:
                self._lagging[touched.group] = entity
            if not applied:
                held_already += fenced
                continue
            newest_us = state.newest_us
            assert newest_us is not None
            if longest_us is not None and min(map(time_of, indexes)) < newest_us - longest_us:
                late = reach.count_too_late(before_us, map(time_of, indexes[fenced:]))  # the fence cuts off the first
            encoded = encode(state)
            shown = () if self._coalesces else fields(state)
            write = StateWrite(entity.key, head_of(entity.stored), encoded, shown)
            writes.append(Pending(touched, write, fenced, late))
            entity.stored = encoded
            cache.put(touched.group, entity)
        self._fenced.inc(held_already)
        return writes

    async def _write(self, writes: list[Pending]) -> list[Conflict]:
        answers = await self._store.write_states(self.view.name, self.birth, [pending.write for pending in writes])
        conflicts = []
        fenced = too_late = 0
        for pending, stored in zip(writes, answers, strict=True):
            if stored is None:
                fenced += pending.fenced
                too_late += pending.too_late
            else:
                conflicts.append(Conflict(pending.touched, stored))
        self._written.inc(len(writes) - len(conflicts))
        self._fenced.inc(fenced)
        self._too_late.inc(too_late)
        return conflicts

    async def _settle(self, conflicts: list[Conflict], events: Events, check: Callable[[], None]) -> None:
        """Fold the batch into the states that stand in the store instead, until every write has held."""
        for _ in range(MAX_ROUNDS):
            if not conflicts:
                return
            self._conflicts.inc(len(conflicts))
            check()
            again: list[Conflict] = []
            for begin in range(0, len(conflicts), self._chunk_entities):
                chunk = []
                for touched, stored in conflicts[begin : begin + self._chunk_entities]:
                    entity = self._entity(touched, self._layout.key(self._grouping.values(touched.group)), stored)
                    self._cache.put(touched.group, entity)
                    chunk.append((touched, entity))
                writes = self._fold_chunk(chunk, events)
                if writes:
                    again += await self._write(writes)
            conflicts = again
        raise StoreUnavailableError("store", f"{len(conflicts)} states changed under {MAX_ROUNDS} attempts to write")
