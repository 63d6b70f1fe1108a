"""Slots, shards, and the keys that each shard has for itself."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from features.errors import DomainError, StoreUnavailableError
from features.redis_topology import N_SLOTS, Shard, Topology, in_order, slot_of
from features.settings import StoreSettings
from features.shard_keys import ShardKeys

keys = st.binary(max_size=40) | st.lists(st.sampled_from([b"{", b"}", b"a", b"{a}", b"\x00"])).map(b"".join)
cuts = st.sets(st.integers(1, N_SLOTS - 1), max_size=6).map(sorted)


def shards_of(bounds: list[int], n_servers: int) -> list[Shard]:
    """Ranges between the bounds, dealt out to the servers."""
    edges = [0, *bounds, N_SLOTS]
    ranges = [(first, behind - 1) for first, behind in pairwise(edges)]
    dealt = [tuple(ranges[n::n_servers]) for n in range(n_servers)]
    return [Shard(StoreSettings(port=7000 + n), slots) for n, slots in enumerate(dealt) if slots]


@given(keys)
def test_slots_are_those_of_redis(key: bytes) -> None:
    """Braces included: the same slot as redis-py computes."""
    assert slot_of(key) == key_slot(key)


@settings(max_examples=25)
@given(cuts, st.integers(1, 4), st.lists(keys))
def test_keys_are_split_and_put_together_again(bounds: list[int], n_servers: int, asked: list[bytes]) -> None:
    """Each key goes to the one shard that holds it, and answers come back in the order of the keys."""
    topology = Topology(shards_of(bounds, n_servers))
    split = topology.split(asked)
    for at, indexes in split.items():
        assert all(topology.shards[at].holds(asked[i]) for i in indexes)
    assert in_order(split.values(), [[asked[i] for i in indexes] for indexes in split.values()]) == asked


@settings(max_examples=25)
@given(cuts, st.integers(1, 4), st.sampled_from([("customer",), ("shop", "customer"), ("x" * 123,), ()]))
def test_a_shard_holds_its_own_keys(bounds: list[int], n_servers: int, join_keys: tuple[str, ...]) -> None:
    """Certificate and progress in one slot, for one script has both; witnesses wherever Feast would delete them."""
    for shard in shards_of(bounds, n_servers):
        own = ShardKeys("shop", shard)
        assert slot_of(own.certificate) == slot_of(own.progress)
        assert all(shard.holds(key) for key in (own.certificate, own.progress, own.witness(join_keys)))
        assert own.witness(join_keys).endswith(b"shop")
        assert not own.certificate.endswith(b"shop")
        for pattern, key in zip(own.of_any_layout, (own.certificate, own.progress), strict=True):
            assert fnmatchcase(key.decode(), pattern.decode())


def test_a_shard_with_other_slots_has_other_keys() -> None:
    """What was certified of the old slots does not count for the new ones."""
    old, new = (ShardKeys("shop", Shard(StoreSettings(), ((0, last),))) for last in (8_000, 8_001))
    assert old.certificate != new.certificate
    assert old.progress != new.progress


def test_the_keys_of_one_server_name_no_slots() -> None:
    """It holds all."""
    only = ShardKeys("shop", Shard(StoreSettings()))
    assert (only.certificate, only.progress) == (b"_ms:shop:certificate:", b"_ms:shop:progress:")
    assert only.of_any_layout == ()


def test_a_small_shard_finds_keys_too() -> None:
    """One slot is enough."""
    shard = Shard(StoreSettings(), ((4_711, 4_711),))
    assert slot_of(ShardKeys("shop", shard).certificate) == 4_711


def test_join_keys_whose_braces_decide_the_slot_are_refused() -> None:
    """No name for their witness lies on every shard."""
    with pytest.raises(DomainError, match="braces"):
        ShardKeys("shop", Shard(StoreSettings(), ((0, 0),))).witness(("a{b}c",))


def test_slots_without_a_server_are_an_outage() -> None:
    """States would be neither read nor written there."""
    with pytest.raises(StoreUnavailableError, match="384 of its 16384 slots"):
        Topology([Shard(StoreSettings(), ((0, 15_999),))])
