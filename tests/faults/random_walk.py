"""The protocol of the store (docs/concepts.md) in small: a random walk over interleavings, with guards to take out.

A model and not the engine, for three reasons. A walk takes well under a millisecond, so thousands run in seconds. It
stops between any two messages, also between a write and its answer, where asyncio's scheduling would choose for us.
And each guard can be taken out alone, which shows that the walk would notice its absence. What the guards decide by
is the engine's own: `start_offset`, `least_progress`. `tests/streams/test_engine_laws.py` holds the engine itself to
the same law.

Two workers share two partitions, each of a topic of its own, and the entities of two shards. A state is the list of
the positions that were folded into it, so a lost or doubled event shows as what it is.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec

from features.bootstrap import start_offset
from features.shard_records import least_progress
from features.store import AdoptedLog, Birth, Certificate, ProgressKey
from tests.streams.shop import BIRTH, LOG, OTHER_LOG, TOPIC, WEB_TOPIC, view

N_PARTITIONS = 2
N_EVENTS = 12
"""Of each partition."""
N_ENTITIES = 5
N_SHARDS = 2
CACHED = 2
MAX_BATCH = 5
MAX_FORGOTTEN = 12
N_STEPS = 220


class Place(NamedTuple):
    """Where a partition's records stand."""

    topic: str
    log: str
    partition: int


PLACES = (Place(TOPIC, LOG, 0), Place(WEB_TOPIC, OTHER_LOG, 0))
VIEW = msgspec.structs.replace(view(), further_topics=(WEB_TOPIC,))
CERTIFICATE = Certificate(
    births=(Birth(view=VIEW.name, view_hash=VIEW.hash, id=BIRTH, cut={}, serving=True),),
    logs=tuple(AdoptedLog(topic=topic, log=log, start={}) for topic, log, _ in PLACES),
)

Step: TypeAlias = Iterator[None]
"""What a worker does, stopping wherever others may come in between."""


class Guards(NamedTuple):
    """What keeps the law; all of it, unless a test takes a part out."""

    fence: bool = True
    """An event at or below the state's position of its partition is skipped."""
    compare_and_set: bool = True
    """A state is set only where the one that it was computed from still stands."""
    fresh_start: bool = True
    """A new connection drops what was cached, and reads again from where the store's progress says."""
    least: bool = True
    """Progress is the least over the shards, not what one of them says."""


class State(NamedTuple):
    """One entity: last applied offset of each partition, and every position that was folded in."""

    positions: tuple[int, ...] = (-1,) * N_PARTITIONS
    folded: tuple[tuple[int, int], ...] = ()


EMPTY = State()


class ConnectionLostError(Exception):
    """The shard crashed, or the connection to it was cut, since it was made."""


class Shard:
    """One store process: states and progress, and what each write replaced."""

    def __init__(self) -> None:
        self.states: dict[int, State] = {}
        self.progress: dict[ProgressKey, int] = {}
        self.generation = 0
        self._undo: list[tuple[dict, object, object]] = []  # type: ignore[type-arg]  # of either

    def write(self, table: dict, key: object, value: object) -> None:  # type: ignore[type-arg]  # either of the two
        """Set one field."""
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    def crash(self, n_forgotten: int) -> None:
        """Restart, without the last writes."""
        self.generation += 1
        for _ in range(min(n_forgotten, len(self._undo))):
            table, key, before = self._undo.pop()
            if before is None:
                table.pop(key, None)
            else:
                table[key] = before


class Request(NamedTuple):
    """A write on its way; one that outlives its connection arrives, if at all, at the same store process."""

    number: int
    generation: int
    write: Callable[[], object]


class World:
    """Log, lake and shards, and writes that arrive late."""

    def __init__(self, chance: random.Random, guards: Guards) -> None:
        self.guards = guards
        self.log = [[chance.randrange(N_ENTITIES) for _ in range(N_EVENTS)] for _ in range(N_PARTITIONS)]
        self.lake = [0] * N_PARTITIONS
        self.shards = [Shard() for _ in range(N_SHARDS)]
        self.late: list[Request] = []

    def stored(self) -> dict[int, State]:
        """All states."""
        return {entity: state for shard in self.shards for entity, state in shard.states.items()}

    def lawful(self) -> dict[int, State]:
        """What they must be: the fold of all events, each once."""
        states: dict[int, State] = {}
        for partition, entities in enumerate(self.log):
            for offset, entity in enumerate(entities):
                state = states.get(entity, EMPTY)
                states[entity] = State(_at(state.positions, partition, offset), (*state.folded, (partition, offset)))
        return states


class Worker:
    """Reads the partitions that it believes to be its own; ``doing`` is what it is in the middle of."""

    def __init__(self, world: World, believed: set[int], chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self.believed = believed
        self.generations = [-1] * N_SHARDS
        self.standing: dict[int, int] = {}
        self.sent: Request | None = None
        self._cache: OrderedDict[int, State] = OrderedDict()
        self._doing: Step | None = None

    def step(self) -> bool:
        """Go on to where others may come in between; False when there is nothing to do."""
        if self._doing is None:
            self._doing = self._next()
        if self._doing is None:
            return False
        try:
            next(self._doing)
        except StopIteration:
            self._doing = None
        except ConnectionLostError:
            self._lost()
        return True

    def assign(self, believed: set[int]) -> None:
        """A rebalance, as the worker hears of it: what is under way is dropped, and all begins anew."""
        self.believed = believed
        self._start_anew()

    def _start_anew(self) -> None:
        self._doing = self.sent = None
        self._cache.clear()
        self.standing = {}

    def _lost(self) -> None:
        """A connection has ended. Without the guard, another is made and all goes on as if nothing had been."""
        self._doing = self.sent = None
        if self._world.guards.fresh_start or not self.standing:
            self._start_anew()
        else:
            self.generations = [shard.generation for shard in self._world.shards]

    def _next(self) -> Step | None:
        if any(mine != shard.generation for mine, shard in zip(self.generations, self._world.shards, strict=True)):
            self._lost()
        if self.believed - set(self.standing):
            return self._begin()
        for partition in self._chance.sample(sorted(self.believed), len(self.believed)):
            if self.standing[partition] < N_EVENTS:
                return self._batch(partition)
        return None

    def _begin(self) -> Step:
        """Connect to every shard, ask each for its progress, and stand where nothing is left out."""
        shards = self._world.shards
        self._cache.clear()
        self.generations = [shard.generation for shard in shards]
        progress: list[Mapping[ProgressKey, int]] = []
        for number in range(N_SHARDS):
            marks = yield from self._ask(number, shards[number].progress.copy)
            progress.append(marks)
        agreed = least_progress(progress) if self._world.guards.least else progress[0]
        self.standing = {
            place: start_offset(
                certificate=CERTIFICATE,
                progress=agreed,
                lake_end=self._world.lake[place] or None,
                views=[VIEW],
                topic=PLACES[place].topic,
                log=PLACES[place].log,
                partition=PLACES[place].partition,
            )
            for place in self.believed
        }

    def _batch(self, partition: int) -> Step:
        """Some events: their states, then their rows in the lake, then progress on every shard."""
        first = self.standing[partition]
        following = min(N_EVENTS, first + self._chance.randint(1, MAX_BATCH))
        events: dict[int, list[int]] = {}
        for offset in range(first, following):
            events.setdefault(self._world.log[partition][offset], []).append(offset)
        for entity, offsets in events.items():
            yield from self._fold(entity, partition, offsets)
        yield
        if first <= self._world.lake[partition]:
            self._world.lake[partition] = max(self._world.lake[partition], following)
        for number in range(N_SHARDS):
            shard = self._reach(number)
            yield from self._ask(
                number, partial(shard.write, shard.progress, (BIRTH, *PLACES[partition][1:]), following)
            )
        self.standing[partition] = following

    def _fold(self, entity: int, partition: int, offsets: list[int]) -> Step:
        """Read one state unless it is cached, apply, set, and again on what stands there instead."""
        number = entity % N_SHARDS
        state = self._cache.get(entity)
        if state is None:
            shard = self._reach(number)
            state = yield from self._ask(number, partial(shard.states.get, entity, EMPTY))
        while (folded := self._folded(state, partition, offsets)) != state:
            stored = yield from self._ask(number, partial(self._set, number, entity, state, folded))
            if stored is None:
                state = folded
                break
            state = stored
        self._cache[entity] = state
        self._cache.move_to_end(entity)
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)

    def _set(self, number: int, entity: int, expected: State, folded: State) -> State | None:
        """None where it was written, else what stands there."""
        shard = self._world.shards[number]
        stored = shard.states.get(entity, EMPTY)
        if stored.positions != expected.positions and self._world.guards.compare_and_set:
            return stored
        shard.write(shard.states, entity, folded)
        return None

    def _ask(self, number: int, request: Callable[[], Any]) -> Generator[None, None, Any]:
        """Send a request, which others may outrun, and wait for its answer, which may be lost though it was done."""
        self.sent = Request(number, self.generations[number], request)
        yield
        self._reach(number)
        self.sent = None
        answer = request()
        yield
        self._reach(number)
        return answer

    def _folded(self, state: State, partition: int, offsets: list[int]) -> State:
        applied = state.positions[partition]
        fresh = [offset for offset in offsets if offset > applied or not self._world.guards.fence]
        if not fresh:
            return state
        positions = _at(state.positions, partition, max(applied, fresh[-1]))
        return State(positions, (*state.folded, *((partition, offset) for offset in fresh)))

    def _reach(self, number: int) -> Shard:
        shard = self._world.shards[number]
        if self.generations[number] != shard.generation:
            raise ConnectionLostError
        return shard


class Walk:
    """One run: two workers, who does the next step, and what befalls them."""

    def __init__(self, seed: int, guards: Guards) -> None:
        self._chance = random.Random(seed)
        self.world = World(self._chance, guards)
        self._owner = [partition % 2 for partition in range(N_PARTITIONS)]
        self.workers = [self._new_worker(number) for number in range(2)]

    def run(self) -> bool:
        """Let things happen, then let all come to rest; whether the law holds."""
        chance = self._chance
        faults = (self._rebalance, self._hear, self._kill, self._crash, self._cut, self._arrive)
        for _ in range(N_STEPS):
            if chance.random() < 0.06:
                chance.choice(faults)()
            else:
                chance.choice(self.workers).step()
        for number in range(2):
            self.workers[number].assign(self._owned(number))
        while sum(worker.step() for worker in self.workers):
            pass
        lawful = self.world.lawful()
        stored = {
            entity: state._replace(folded=tuple(sorted(state.folded))) for entity, state in self.world.stored().items()
        }
        return stored == lawful and self.world.lake == [N_EVENTS] * N_PARTITIONS

    def _new_worker(self, number: int) -> Worker:
        return Worker(self.world, self._owned(number), self._chance)

    def _owned(self, number: int) -> set[int]:
        return {partition for partition, owner in enumerate(self._owner) if owner == number}

    def _rebalance(self) -> None:
        """A partition goes to the other worker; the one that had it sleeps, and will wake up in the middle of it."""
        partition = self._chance.randrange(N_PARTITIONS)
        owner = self._owner[partition] = 1 - self._owner[partition]
        self.workers[owner].assign(self._owned(owner))

    def _hear(self) -> None:
        """A zombie hears that it is one."""
        number = self._chance.randrange(2)
        if self.workers[number].believed != self._owned(number):
            self.workers[number].assign(self._owned(number))

    def _kill(self) -> None:
        number = self._chance.randrange(2)
        self.workers[number] = self._new_worker(number)

    def _crash(self) -> None:
        self._chance.choice(self.world.shards).crash(self._chance.randint(0, MAX_FORGOTTEN))

    def _cut(self) -> None:
        """A connection ends; what was sent over it may still arrive."""
        worker, number = self._chance.choice(self.workers), self._chance.randrange(N_SHARDS)
        if worker.sent is not None and worker.sent.number == number:
            self.world.late.append(worker.sent)
        worker.generations[number] = -1

    def _arrive(self) -> None:
        """A write of a connection that is no more; not if the store process that it was sent to is no more either."""
        if self.world.late:
            request = self.world.late.pop(self._chance.randrange(len(self.world.late)))
            if self.world.shards[request.number].generation == request.generation:
                request.write()


def _at(positions: tuple[int, ...], partition: int, offset: int) -> tuple[int, ...]:
    return (*positions[:partition], offset, *positions[partition + 1 :])
