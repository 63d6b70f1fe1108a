"""The store in a Redis Cluster, when its slots change hands; the contract is in tests/contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
import redis

from deploy.servers import ValkeyServer
from features.erasure import Erasure
from features.errors import BirthMissingError, SettingsError, StoreUnavailableError
from features.redis_store import RedisStore
from features.redis_topology import slot_of
from features.settings import StoreSettings
from features.store import Birth, Certificate, StateWrite
from tests.redis_servers import RedisCluster, client_of, needs_redis

pytestmark = [pytest.mark.servers, needs_redis]

T = TypeVar("T")
LOG = "a" * 22
KEYS = [b"key-%d" % i for i in range(200)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with RedisCluster(tmp_path_factory.mktemp("cluster"), 2) as cluster:
        yield cluster


def birth(name: str) -> Birth:
    return Birth(view="spend", view_hash="00ff", id=name, join_keys=("customer",), cut={}, serving=True)


def ask(settings: StoreSettings, question: Callable[[RedisStore], Awaitable[T]]) -> T:
    async def once() -> T:
        store = RedisStore("moving", settings)
        await store.connect()
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(once())


def write_all(name: str) -> Callable[[RedisStore], Awaitable[list[bytes | None]]]:
    return lambda store: store.write_states("spend", name, [StateWrite(key, b"", b"state", []) for key in KEYS])


@pytest.mark.faults
def test_a_shard_whose_slots_changed_must_be_born_again(cluster: RedisCluster) -> None:
    """While a slot moves, calls fail and say why; moved, nothing stands certified, and later nothing of before does."""
    first, second = cluster.nodes
    ask(cluster.settings, lambda store: store.write_birth(birth("b1")))
    ask(cluster.settings, lambda store: store.write_progress({("b1", LOG, 0): 7}))
    assert ask(cluster.settings, write_all("b1")) == [None] * len(KEYS)
    key = next(key for key in KEYS if slot_of(key) < 8_192)
    slot = slot_of(key)

    cluster.move(slot, first, second, finish=False)
    with pytest.raises(StoreUnavailableError, match="slots of the cluster are being moved"):
        ask(cluster.settings, lambda store: store.read_fields([key], [b"f"]))
    with pytest.raises(StoreUnavailableError, match="slots of the cluster are being moved"):
        ask(cluster.settings, lambda store: store.write_states("spend", "b1", [StateWrite(key, b"state", b"x", [])]))

    cluster.move(slot, first, second)
    assert ask(cluster.settings, lambda store: store.read_certificate()) == Certificate()
    assert ask(cluster.settings, lambda store: store.read_progress()) == {}
    with pytest.raises(BirthMissingError):
        ask(cluster.settings, write_all("b1"))

    ask(cluster.settings, lambda store: store.write_birth(birth("b2")))
    assert ask(cluster.settings, write_all("b2")) == [None] * len(KEYS)
    cluster.move(slot, second, first)  # the slots as they were: what was certified of them is void
    assert ask(cluster.settings, lambda store: store.read_certificate()) == Certificate()


@pytest.mark.faults
def test_an_erasure_that_comes_before_the_births_lets_none_of_before_stand(cluster: RedisCluster) -> None:
    """Slots that changed hands are told of what was forgotten first; they keep it, and still void their old births."""
    first, second = cluster.nodes
    erasure = Erasure(id="e1", keys=("customer",), hash="00", at_us=1, ends={})
    slot = slot_of(KEYS[0])
    owner, other = (first, second) if slot < 8_192 else (second, first)
    ask(cluster.settings, lambda store: store.write_birth(birth("b1")))
    cluster.move(slot, owner, other)
    ask(cluster.settings, lambda store: store.raise_erasure(erasure))
    ask(cluster.settings, lambda store: store.write_birth(birth("b2")))
    assert ask(cluster.settings, lambda store: store.read_certificate()) == Certificate(
        births=(birth("b2"),), erasures=(erasure,)
    )
    cluster.move(slot, other, owner)
    assert ask(cluster.settings, lambda store: store.read_certificate()) == Certificate()


def test_a_shard_that_was_flushed_is_neither_written_nor_read(cluster: RedisCluster) -> None:
    """The others still carry the certificate, but what does not stand on all of them does not stand."""
    ask(cluster.settings, lambda store: store.write_birth(birth("b3")))
    with client_of(cluster.nodes[1]) as client:
        client.flushall()
    assert ask(cluster.settings, lambda store: store.read_certificate()) == Certificate()
    with pytest.raises(BirthMissingError):
        ask(cluster.settings, lambda store: store.write_progress({("b3", LOG, 0): 7}))
    with pytest.raises(BirthMissingError):
        ask(cluster.settings, write_all("b3"))
    states = ask(cluster.settings, lambda store: store.read_states("spend", "b3", KEYS))
    assert {state for key, state in zip(KEYS, states, strict=True) if slot_of(key) >= 8_192} == {None}


def test_a_store_that_does_not_follow_is_told_of_its_cluster(cluster: RedisCluster) -> None:
    """An old topology, or the address of one node alone, gets errors and never another shard's data."""
    first, second = cluster.nodes
    key = next(key for key in KEYS if slot_of(key) < 8_192)

    async def write_while_it_moves() -> None:
        store = RedisStore("moving", cluster.settings)
        await store.connect()
        await store.write_birth(birth("b1"))
        reader = RedisStore("moving", cluster.settings, read_only=True)
        await reader.connect()
        assert (await reader.read_certificate()).births == (birth("b1"),)
        cluster.move(slot_of(key), first, second)
        with pytest.raises(StoreUnavailableError, match="slots of the cluster have moved"):
            await store.read_certificate()
        with pytest.raises(StoreUnavailableError, match="slots of the cluster have moved"):
            await reader.read_certificate()
        await reader.connect()
        assert await reader.read_certificate() == Certificate()
        await reader.close()
        with pytest.raises(StoreUnavailableError, match=r"in charge|being moved"):
            await store.write_states("spend", "b1", [StateWrite(key, b"", b"state", [])])
        with pytest.raises(StoreUnavailableError, match="another server is in charge"):
            await store.read_states("spend", "b1", [key])
        await store.close()

    asyncio.run(write_while_it_moves())
    with pytest.raises(StoreUnavailableError, match="MILLSTREAM_STORE__CLUSTER"):
        ask(first.settings, lambda store: store.read_fields(KEYS, [b"f"]))


def test_a_cluster_that_is_none_is_a_wrong_setting(valkey: ValkeyServer) -> None:
    """A single server is not asked for slots."""
    with pytest.raises(SettingsError, match="CLUSTER"):
        ask(StoreSettings(cluster=valkey.address), lambda store: store.read_certificate())


def test_a_cluster_that_nobody_is_of_is_an_outage() -> None:
    """Every address that was tried is told."""
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1: .*127\.0\.0\.1:2: "):
        ask(StoreSettings(cluster="127.0.0.1:1,127.0.0.1:2"), lambda store: store.read_certificate())


def test_redis_py_finds_every_key_where_we_put_it(cluster: RedisCluster) -> None:
    """An ordinary cluster client, such as Feast's, reads each entity."""
    ask(cluster.settings, lambda store: store.write_birth(birth("b1")))
    ask(cluster.settings, write_all("b1"))
    client = redis.RedisCluster(host=cluster.nodes[0].host, port=cluster.nodes[0].port)
    assert [client.hget(key, "_ms:spend:b1") for key in KEYS] == [b"state"] * len(KEYS)
    client.close()


def test_a_master_that_is_gone_stops_the_store(cluster: RedisCluster) -> None:
    """No part of the store is served while another is away: progress would be of some entities only."""
    ask(cluster.settings, lambda store: store.write_birth(birth("b1")))
    cluster.nodes[0].kill()
    with pytest.raises(StoreUnavailableError):
        ask(cluster.settings, lambda store: store.read_certificate())
    cluster.start()
    assert ask(cluster.settings, lambda store: store.read_certificate()).births == (birth("b1"),)
