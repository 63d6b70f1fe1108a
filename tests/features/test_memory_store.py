"""The in-memory store's faults: what a test can make it do that a real server does only when it breaks."""

from __future__ import annotations

import pytest

from features.errors import BirthMissingError, StoreUnavailableError
from features.memory_shards import MemoryShards
from features.memory_store import MemoryStore
from features.store import Birth, StateWrite

LOG = "a" * 22
BIRTH = Birth(view="spend", view_hash="00ff", id="b1", cut={LOG: {0: 7}}, serving=True)
KEYS = [b"key-%d" % i for i in range(30)]


def write(key: bytes, state: bytes, expected: bytes = b"") -> StateWrite:
    return StateWrite(key, expected, state, [])


async def connected(shards: MemoryShards) -> MemoryStore:
    store = MemoryStore(shards)
    await store.connect()
    return store


async def test_a_shard_forgets_a_suffix_of_its_writes() -> None:
    """States, progress and certificate go in the reverse of the order in which they were written."""
    shards = MemoryShards()
    store = await connected(shards)
    await store.write_birth(BIRTH)
    await store.write_states("spend", "b1", [write(b"k", b"one")])
    await store.write_progress({("b1", LOG, 0): 1})
    await store.write_states("spend", "b1", [write(b"k", b"two", b"one")])
    await store.write_progress({("b1", LOG, 0): 2})

    async def after_forgetting(n_writes: int) -> tuple[list[bytes | None], dict[tuple[str, str, int], int], int]:
        shards.forget(0, n_writes)
        await store.connect()
        births = (await store.read_certificate()).births
        return await store.read_states("spend", "b1", [b"k"]), await store.read_progress(), len(births)

    assert shards.shards[0].n_writes == 6  # a birth is two: its witness, then its certificate
    assert await after_forgetting(1) == ([b"two"], {("b1", LOG, 0): 1}, 1)
    assert await after_forgetting(2) == ([b"one"], {}, 1)
    assert await after_forgetting(1) == ([None], {}, 1)
    assert await after_forgetting(1) == ([None], {}, 0)
    with pytest.raises(ValueError, match="1 writes"):
        shards.forget(0, 2)


async def test_a_crash_of_one_shard_ends_every_connection() -> None:
    """Whoever does not connect anew is cut off, so no one works on with what the shard forgot."""
    shards = MemoryShards(3)
    stores = [await connected(shards) for _ in range(2)]
    await stores[0].write_birth(BIRTH)
    shards.forget(1, 0)
    for store in stores:
        with pytest.raises(StoreUnavailableError):
            await store.read_progress()
        await store.connect()
        assert (store.epoch, await store.read_progress()) == (2, {})


async def test_progress_is_the_least_over_the_shards() -> None:
    """One shard that forgot its last mark holds back the whole; one that forgot its only mark leaves none."""
    shards = MemoryShards(3)
    store = await connected(shards)
    await store.write_birth(BIRTH)
    await store.write_progress({("b1", LOG, 0): 1})
    await store.write_progress({("b1", LOG, 0): 2, ("b1", LOG, 1): 5})
    shards.forget(2, 1)
    await store.connect()
    assert await store.read_progress() == {("b1", LOG, 0): 1}
    shards.forget(1, 2)
    await store.connect()
    assert await store.read_progress() == {}


async def test_the_certificate_is_what_all_shards_carry() -> None:
    """Where they differ, reading starts at the earlier cut, and a birth serves only where it serves everywhere."""
    shards = MemoryShards(2)
    store = await connected(shards)
    await store.write_birth(Birth(view="spend", view_hash="00ff", id="b1", cut={LOG: {0: 3, 1: 3}}, serving=False))
    await store.write_birth(BIRTH)
    await store.write_birth(Birth(view="visits", view_hash="11ee", id="b2", cut={}, serving=True))
    shards.forget(1, 4)
    await store.connect()
    (birth,) = (await store.read_certificate()).births
    assert (birth.id, birth.cut, birth.serving) == ("b1", {LOG: {0: 3}}, False)


async def test_a_shard_without_its_certificate_is_not_written() -> None:
    """The entities of the other shards are; the call is refused all the same."""
    shards = MemoryShards(2)
    store = await connected(shards)
    await store.write_birth(BIRTH)
    shards.forget(0, 1)
    await store.connect()
    with pytest.raises(BirthMissingError):
        await store.write_states("spend", "b1", [write(key, b"one") for key in KEYS])
    with pytest.raises(BirthMissingError):
        await store.write_progress({("b1", LOG, 0): 1})
    states = await store.read_states("spend", "b1", KEYS)
    on_lost_shard = [shards.of(key) is shards.shards[0] for key in KEYS]
    assert {True, False} == set(on_lost_shard)
    assert states == [None if lost else b"one" for lost in on_lost_shard]


async def test_a_connection_can_end_in_the_middle_of_a_call() -> None:
    """The writes before the cut are applied, the ones after it are not, and the caller does not learn which."""
    shards = MemoryShards()
    store = await connected(shards)
    await store.write_birth(BIRTH)
    for applied in (0, 1, 3):
        await store.connect()
        store.cut_after(applied)
        keys = [b"%d-%d" % (applied, i) for i in range(3)]
        with pytest.raises(StoreUnavailableError):
            await store.write_states("spend", "b1", [write(key, b"one") for key in keys])
        await store.connect()
        states = await store.read_states("spend", "b1", keys)
        assert states == [b"one"] * applied + [None] * (3 - applied)
    store.cut()
    with pytest.raises(StoreUnavailableError):
        await store.read_certificate()


async def test_a_cut_hurts_one_client_only() -> None:
    """Another's connection to the same shards lives on."""
    shards = MemoryShards()
    store, other = await connected(shards), await connected(shards)
    store.cut()
    assert await other.read_progress() == {}
    with pytest.raises(StoreUnavailableError):
        await store.read_progress()
