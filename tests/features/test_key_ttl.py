"""Entities that expire: refreshed by each write, and forgotten only once nothing of them is in any window."""

from __future__ import annotations

import msgspec
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.servers import ValkeyServer
from features.kernels import open_kernel
from features.redis_store import RedisStore
from features.store import Birth, StateWrite
from tests.features.strategies import SOURCE, Event, event_sets, whole_view
from tests.waiting import wait_until

BIRTH = Birth(view="spend", view_hash="00ff", id="b1", join_keys=("customer",), cut={}, serving=True, key_ttl_s=1_000)
LONGER, FOR_EVER = (
    msgspec.structs.replace(BIRTH, view_hash="11ee", id="b2", key_ttl_s=key_ttl_s) for key_ttl_s in (5_000, None)
)
KEY = b"expiring:k"
WINDOWED = msgspec.structs.replace(
    whole_view(), features=tuple(feature for feature in whole_view().features if feature.window_us is not None)
)
KERNEL = open_kernel(WINDOWED, SOURCE)
REMEMBERED_US = max((feature.window_us or 0) + (feature.hop_us or 0) for feature in WINDOWED.features)


def finished(events: list[Event], at_us: int) -> list[object]:
    """Features of an entity that these events came to."""
    state = KERNEL.new_state()
    for event in events:
        KERNEL.apply(state, *event)
    return list(KERNEL.finish(state, at_us))


@given(event_sets(max_size=15), event_sets(max_size=15), st.integers(0, 200))
@settings(max_examples=100)
def test_an_entity_that_expired_has_the_features_of_one_that_did_not(
    before: list[Event], after: list[Event], later_us: int
) -> None:
    """Whatever came before, no window reaches it once the time is over, and late events do not bring it back."""
    newest_us = max((event.event_us for event in before), default=0)
    offsets = {partition: offset + 1 for partition, offset, *_ in before}
    moved = [event._replace(offset=event.offset + offsets.get(event.partition, 0)) for event in after]
    at_us = newest_us + REMEMBERED_US + later_us
    assert finished(before + moved, at_us) == finished(moved, at_us)


def test_an_entity_that_expires_too_soon_has_not() -> None:
    """A hop less, and an event that a window still covers is forgotten: hence the limit that `apply` sets."""
    event = Event((SOURCE.topic, 0), 0, 109, ("d", 109, 1, 1, "x"))
    assert finished([event], 109 + REMEMBERED_US) == finished([], 109 + REMEMBERED_US)
    assert finished([event], 109 + REMEMBERED_US - 10) != finished([], 109 + REMEMBERED_US - 10)


@pytest.mark.servers
async def test_each_write_lets_an_entity_live_on(valkey: ValkeyServer) -> None:
    """The time begins anew with each write that holds, and an entity that expired is one that was never seen."""
    key = KEY
    store = RedisStore("expiring", valkey.settings)
    await store.connect()
    await store.write_birth(BIRTH)
    await store.write_progress({("b1", "log", 0): 1})
    client = redis.Redis(host=valkey.host, port=valkey.port)
    assert await store.write_states("spend", "b1", [StateWrite(key, b"", b"one", [b"f", b"1"])]) == [None]
    assert 990 < client.ttl(key) <= 1_000
    client.expire(key, 100)
    assert await store.write_states("spend", "b1", [StateWrite(key, b"zombie", b"two", [])]) == [b"one"]
    assert client.ttl(key) <= 100
    assert await store.write_states("spend", "b1", [StateWrite(key, b"one", b"two", [])]) == [None]
    assert 990 < client.ttl(key) <= 1_000

    client.pexpire(key, 1)
    wait_until(lambda: not client.exists(key))
    assert await store.read_fields([key], [b"f"]) == [[None]]
    assert await store.write_states("spend", "b1", [StateWrite(key, b"two", b"three", [])]) == [b""]
    assert await store.write_states("spend", "b1", [StateWrite(key, b"", b"three", [])]) == [None]

    ours = [found for found in client.scan_iter("*expiring*") if found != key]
    assert len(ours) == 3  # certificate, progress and witness outlive every entity
    assert [client.ttl(found) for found in ours] == [-1] * 3
    client.close()
    await store.close()


@pytest.mark.servers
@pytest.mark.parametrize("longer", [LONGER, FOR_EVER])
async def test_of_all_births_the_longest_time_holds(valkey: ValkeyServer, longer: Birth) -> None:
    """Whoever writes: an entity is one key, and a birth with longer windows is in it from its bootstrap to its end."""
    client = redis.Redis(host=valkey.host, port=valkey.port)
    client.flushall()
    store = RedisStore("expiring", valkey.settings)
    await store.connect()

    async def written_for_s(birth: Birth) -> int:
        """For how long an entity lives on that a worker of this birth writes."""
        (state,) = await store.read_states("spend", birth.id, [KEY])
        write = StateWrite(KEY, state or b"", (state or b"") + b".", [])
        assert await store.write_states("spend", birth.id, [write]) == [None]
        return int(client.ttl(KEY))

    longest_s = longer.key_ttl_s or -1
    await store.write_birth(BIRTH)
    assert await written_for_s(BIRTH) == pytest.approx(1_000, abs=100)

    first = StateWrite(KEY, b"", b"one", [])
    await store.bootstrap_states("spend", longer.id, [first], key_ttl_s=longer.key_ttl_s)
    assert client.ttl(KEY) == pytest.approx(longest_s, abs=100)
    assert await written_for_s(BIRTH) == pytest.approx(longest_s, abs=100)  # though the other is not certified yet
    await store.write_birth(longer)
    for birth in (longer, BIRTH):
        assert await written_for_s(birth) == pytest.approx(longest_s, abs=100)
    await store.bootstrap_states("spend", "b3", [first], key_ttl_s=1_000)
    assert client.ttl(KEY) == pytest.approx(longest_s, abs=100)

    await store.drop_birth("spend", longer.id)
    assert await written_for_s(BIRTH) == pytest.approx(1_000, abs=100)
    await store.write_birth(msgspec.structs.replace(BIRTH, key_ttl_s=longer.key_ttl_s))
    assert await written_for_s(BIRTH) == pytest.approx(longest_s, abs=100)
    client.close()
    await store.close()
