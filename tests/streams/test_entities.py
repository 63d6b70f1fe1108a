"""The bounded cache of states, and which rows are whose."""

from __future__ import annotations

import sys
import tracemalloc

from features.plan import EntityKeyPlan, ViewPlan
from streams.entities import PLACE_BYTES, Entity, EntityCache, Grouping
from tests.streams.shop import SOURCE, view


def entity(key: bytes) -> Entity:
    return Entity(key, b"", 0)


ONE_BYTES = PLACE_BYTES + sys.getsizeof("a") + entity(b"a").n_bytes
"""What a cache counts such an entity with."""


def test_the_cache_forgets_the_one_used_longest_ago() -> None:
    """Looking at an entity is using it."""
    cache = EntityCache(2 * ONE_BYTES)
    cache.put("a", entity(b"a"))
    cache.put("b", entity(b"b"))
    assert cache.get("a") is not None
    cache.put("c", entity(b"c"))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert len(cache) == 2
    cache.clear()
    assert cache.get("a") is None


def test_what_grows_takes_the_room_of_others() -> None:
    """What is kept is counted with its size at the last put, under its key once; one that is too large stays alone."""
    cache = EntityCache(3 * ONE_BYTES)
    growing = entity(b"a")
    for _ in range(2):
        cache.put("a", growing)
        cache.put("b", entity(b"b"))
    assert (len(cache), cache.n_bytes) == (2, 2 * ONE_BYTES)
    growing.stored = bytes(ONE_BYTES)
    cache.put("a", growing)
    assert (len(cache), cache.n_bytes) == (2, 3 * ONE_BYTES)
    cache.put("c", entity(b"c"))
    assert cache.get("b") is None
    assert (len(cache), cache.n_bytes) == (2, 3 * ONE_BYTES)
    growing.stored = bytes(10 * ONE_BYTES)
    cache.put("a", growing)
    assert (len(cache), cache.n_bytes) == (1, 11 * ONE_BYTES)
    cache.put("d", entity(b"d"))
    assert (len(cache), cache.n_bytes) == (1, ONE_BYTES)


def test_what_a_cache_counts_is_about_what_it_takes() -> None:
    """Against what Python says it has allocated, for entities of some hundred bytes."""
    cache = EntityCache(1 << 30)
    tracemalloc.start()
    try:
        for number in range(1_000):
            cache.put(f"{number:012d}", Entity(b"key %030d" % number, bytes(100 + number), 0))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.85 < cache.n_bytes / taken < 1.15


def test_an_entity_tells_how_much_memory_it_takes() -> None:
    """Its bytes, and what holds them."""
    full = Entity(b"key", bytes(1_000), 0)
    assert full.n_bytes == sum(map(sys.getsizeof, (full, full.key, full.stored)))


def test_rows_are_grouped_by_one_key_in_order() -> None:
    """Refused rows belong to nobody."""
    grouping = Grouping(view(), SOURCE)
    groups = grouping.group([("a", 1, 0), None, ("b", 2, 0), ("a", 3, 0)])
    assert groups == {"a": [0, 3], "b": [2]}
    assert grouping.values("a") == ("a",)


def test_rows_are_grouped_by_several_keys() -> None:
    """A row with one null among them stands under None."""
    keys = (EntityKeyPlan(name="account", type="string"), EntityKeyPlan(name="price", type="int64"))
    pair = ViewPlan(name="v", topic="sales", keys=keys, features=(), ttl_us=0, hash="00" * 8)
    grouping = Grouping(pair, SOURCE)
    groups = grouping.group([("a", 1, 5), ("a", 2, 6), ("a", 3, 5), ("a", 4, None)])
    assert groups == {("a", 5): [0, 2], ("a", 6): [1], None: [3]}
    assert grouping.values(("a", 5)) == ("a", 5)
