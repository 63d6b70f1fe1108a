"""One birth of a view follows another, and nothing of the old one is left: whenever the work is broken off."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from features.bootstrap import birth_of, ensure_births
from features.decode import Decoder
from features.entity_eraser import delete_forgotten
from features.erasure import Erasure, hash_entity
from features.errors import BirthMissingError, StoreUnavailableError
from features.feast_layout import FeastRow, entity_key, state_field
from features.kernels import open_kernel
from features.lake import LakeBatch, open_lake
from features.memory_shards import MemoryShards
from features.memory_store import MemoryStore
from features.plan import ViewPlan
from features.store import Birth, StateWrite
from features.succession import serve_births, withdraw_births
from features.sweep import sweep
from tests.streams.shop import LOG, SOURCE, START_US, plan, value, view

OLD = view("spend", "aaaaaaaaaaaaaaaa")
FEWER = view("spend", "bbbbbbbbbbbbbbbb", ever=False)
NEW = msgspec.structs.replace(  # features fewer, and one of another meaning under its old name
    FEWER, features=(msgspec.structs.replace(FEWER.features[0], function="sum"), *FEWER.features[1:])
)
BESIDE = view("visits", "cccccccccccccccc", ever=False)
BEFORE, AFTER = plan("shop", OLD, BESIDE), plan("shop", NEW, BESIDE)
NAMES = [f"a{i}" for i in range(3)]
KEY = b"k" * 32
KEYS = [entity_key("shop", OLD.keys, [name]) for name in NAMES]


class World:
    """A lake with some events, and a store that carries what the old plan makes of it."""

    def __init__(self, folder: Path) -> None:
        self.lake = open_lake(str(folder), lambda: KEY)
        values = [value(name, START_US + i, 1.5 * i) for i, name in enumerate(NAMES * 3)]
        times = [START_US + 1_000_000] * len(values)
        decoded = Decoder(SOURCE).decode(values, times)
        self.lake.append(SOURCE, LOG, 0, LakeBatch(len(values), range(len(values)), times, values, decoded))
        self.store = MemoryStore()

    async def begin(self) -> None:
        await self.store.connect()
        await ensure_births(self.store, self.lake, BEFORE)

    async def birth(self, view: ViewPlan) -> Birth:
        return birth_of(await self.store.read_certificate(), view)

    async def feast_shows(self, view: ViewPlan, keys: Sequence[bytes] = KEYS) -> bool:
        """Whether Feast's fields of every entity are those of this view's birth."""
        kernel, birth = open_kernel(view, SOURCE), await self.birth(view)
        for key, data in zip(keys, await self.store.read_states(view.name, birth.id, keys), strict=True):
            assert data is not None
            state = kernel.decode(data)
            assert state.newest_us is not None
            words = FeastRow(view).fields(kernel.finish(state, state.newest_us + 1), state.newest_us)
            row = self.fields(key)
            if {name: row.get(name) for name in words[::2]} != dict(zip(words[::2], words[1::2], strict=True)):
                return False
        return True

    def fields(self, key: bytes) -> dict[bytes, bytes]:
        return dict(self.store.shards.of(key).hash(key))


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    await made.begin()
    return made


async def test_a_birth_that_does_not_serve_yet_leaves_feast_s_fields(world: World) -> None:
    """Until it serves: then they are its own, and the old birth goes on serving whoever reads it."""
    assert [made.birth.view for made in await ensure_births(world.store, world.lake, AFTER, serving=False)] == ["spend"]
    assert await world.feast_shows(OLD)
    assert not await world.feast_shows(NEW)
    (served,) = await serve_births(world.store, world.lake, AFTER)
    assert served == await world.birth(NEW)
    assert (served.serving, served.feast) == (True, True)
    old = await world.birth(OLD)
    assert (old.serving, old.feast) == (True, False)
    assert await world.feast_shows(NEW)
    assert await world.feast_shows(BESIDE)


async def test_births_live_as_long_as_the_plan_that_serves_says(world: World) -> None:
    """Each from its bootstrap on, and those that both plans have once the new one serves."""
    assert {(await world.birth(one)).key_ttl_s for one in (OLD, BESIDE)} == {None}
    after = msgspec.structs.replace(AFTER, key_ttl_s=86_400)
    await ensure_births(world.store, world.lake, after, serving=False)
    assert [(await world.birth(one)).key_ttl_s for one in (NEW, BESIDE)] == [86_400, None]
    assert [birth.view for birth in await serve_births(world.store, world.lake, after)] == ["spend"]
    assert [(await world.birth(one)).key_ttl_s for one in (NEW, BESIDE, OLD)] == [86_400, 86_400, None]


@pytest.mark.parametrize("n_writes", range(1, 9))
async def test_a_switch_that_is_broken_off_is_begun_again(world: World, n_writes: int) -> None:
    """After any number of writes: the next one makes it whole, there and back."""
    await ensure_births(world.store, world.lake, AFTER, serving=False)
    for to, views in ((AFTER, (NEW, BESIDE)), (BEFORE, (OLD, BESIDE))):
        world.store.cut_after(n_writes)
        try:
            await serve_births(world.store, world.lake, to)
        except StoreUnavailableError:
            await world.store.connect()
            await serve_births(world.store, world.lake, to)
        for shown in views:
            assert (await world.birth(shown)).serving
            assert await world.feast_shows(shown)
        world.store.cut_after(0)
        await world.store.connect()


class Interrupted(MemoryStore):
    """A store to which somebody else tells an erasure just before the first write of a state."""

    def __init__(self, shards: MemoryShards, erasure: Erasure) -> None:
        super().__init__(shards)
        self._erasure: Erasure | None = erasure

    async def write_states(self, view: str, birth: str, writes: Sequence[StateWrite]) -> list[bytes | None]:
        if (erasure := self._erasure) is not None:
            self._erasure = None
            await self.raise_erasure(erasure)
        return await super().write_states(view, birth, writes)


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_switch_knows_who_was_forgotten(world: World, *, meanwhile: bool) -> None:
    """Before it or meanwhile: it is not refused as a writer that does not, and shows the others; the entity is gone."""
    await ensure_births(world.store, world.lake, AFTER, serving=False)
    gone = {"account": NAMES[0]}
    ends = {SOURCE.topic: {LOG: {0: 100}}}
    erasure = Erasure(id="e1", keys=("account",), hash=hash_entity(KEY, gone), at_us=1, ends=ends)
    if meanwhile:
        world.store = Interrupted(world.store.shards, erasure)
        await world.store.connect()
    else:
        world.lake.record_erasures([erasure])
    await serve_births(world.store, world.lake, AFTER)
    assert [known.id for known in world.lake.erasures().records] == ["e1"]
    await delete_forgotten(world.store, AFTER.project, world.lake.erasures())
    assert world.fields(KEYS[0]) == {}
    assert await world.feast_shows(NEW, KEYS[1:])


async def test_a_plan_without_births_does_not_serve(world: World) -> None:
    """The error says how to make them."""
    with pytest.raises(BirthMissingError, match="backfill --to-online"):
        await serve_births(world.store, world.lake, AFTER)


async def switched(world: World) -> tuple[Birth, Birth]:
    await ensure_births(world.store, world.lake, AFTER, serving=False)
    await serve_births(world.store, world.lake, AFTER)
    return await world.birth(OLD), await world.birth(NEW)


async def test_births_are_kept_for_whoever_needs_them(world: World) -> None:
    """A plan that runs, and one that waits for its roll-out; what waits no more, and what nobody names, goes."""
    old, new = await switched(world)
    assert await withdraw_births(world.store, [BEFORE, AFTER]) == []
    assert await withdraw_births(world.store, [AFTER], awaited=[BEFORE]) == [old]
    await ensure_births(world.store, world.lake, BEFORE, serving=False)
    assert await withdraw_births(world.store, [AFTER], awaited=[BEFORE]) == []
    assert (await world.birth(NEW)) == new


@pytest.mark.parametrize("n_writes", range(1, 6))
async def test_what_is_dropped_is_swept_whenever_it_is_broken_off(world: World, n_writes: int) -> None:
    """The states of that birth and Feast's fields of features that are gone; nothing else, and nothing twice."""
    old, _ = await switched(world)
    before = [world.fields(key) for key in KEYS]
    await withdraw_births(world.store, [AFTER])
    world.store.cut_after(n_writes)
    try:
        await sweep(world.store)
    except StoreUnavailableError:
        await world.store.connect()
        await sweep(world.store)
    gone = {state_field("spend", old.id), *(name for name in names_of(OLD) if name not in names_of(NEW))}
    assert len(gone) == 1 + len(OLD.features) - len(NEW.features)
    assert [world.fields(key) for key in KEYS] == [
        {name: word for name, word in row.items() if name not in gone} for row in before
    ]
    assert (await world.store.read_certificate()).dropped == ()
    world.store.cut_after(0)
    await world.store.connect()
    assert await sweep(world.store) == []
    assert await world.feast_shows(NEW)
    assert await world.feast_shows(BESIDE)


def names_of(view: ViewPlan) -> list[bytes]:
    return FeastRow(view).fields([0] * len(view.features), 0)[::2]


async def test_a_view_that_is_gone_leaves_nothing(world: World) -> None:
    """Not even the instant at which its features stood; the view beside it stays whole."""
    old = await world.birth(OLD)
    (withdrawn,) = await withdraw_births(world.store, [plan("shop", BESIDE)])
    (swept,) = await sweep(world.store)
    assert swept.birth == withdrawn == old
    assert swept.n_fields == len(KEYS) * (len(OLD.features) + 2)
    for key in KEYS:
        assert set(world.fields(key)) == {*names_of(BESIDE), state_field("visits", (await world.birth(BESIDE)).id)}


async def test_a_birth_in_the_making_is_never_swept(world: World) -> None:
    """It is not certified yet, as little as one that was dropped: only what was dropped is known to be useless."""
    await world.store.bootstrap_states("spend", "unborn", [StateWrite(KEYS[0], b"", b"state", ())])
    await withdraw_births(world.store, [plan("shop", BESIDE)])
    await sweep(world.store)
    assert await world.store.read_states("spend", "unborn", KEYS[:1]) == [b"state"]


async def test_a_sweep_takes_its_time(world: World) -> None:
    """A store that serves is not to feel it: no more entities a second than it is told."""
    await withdraw_births(world.store, [plan("shop", BESIDE)])
    began_s = time.monotonic()
    await sweep(world.store, keys_per_s=len(KEYS) / 0.2)
    assert time.monotonic() - began_s >= 0.2
