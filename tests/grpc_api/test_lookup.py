"""The way to the store that all calls share: one connection, which looks at the certificate before it is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from features.errors import NotServingError, StoreUnavailableError
from features.memory_shards import MemoryShards
from features.memory_store import MemoryStore
from features.store import Certificate
from grpc_api.births import BirthWatch
from grpc_api.entity import EntityKeys
from grpc_api.lookup import Fetched, Fetcher
from grpc_api.served_model import Inputs
from tests.grpc_api.shop import DECLARATIONS, SPEND, certify, put_events
from tests.waiting import wait_until_async

INPUTS: Inputs = DECLARATIONS.services()["buyers"]


class CountingStore(MemoryStore):
    """Tells in a list what it is asked; connects once it is let."""

    def __init__(self, shards: MemoryShards, said: list[str], let: asyncio.Event) -> None:
        super().__init__(shards)
        self.said = said
        self.let = let

    async def connect(self) -> None:
        self.said.append("connect")
        await self.let.wait()
        await super().connect()

    async def read_certificate(self) -> Certificate:
        self.said.append("certificate")
        return await super().read_certificate()

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        self.said.append("fields")
        return await super().read_fields(keys, fields)


class World:
    """A store with one buyer, and a fetcher on it; ``said`` is what the fetcher asked."""

    def __init__(self) -> None:
        self.shards = MemoryShards()
        self.said: list[str] = []
        self.let = asyncio.Event()
        self.let.set()
        self.watch = BirthWatch(open_reader=lambda: MemoryStore(self.shards))
        self.fetcher = Fetcher(open_reader=lambda: CountingStore(self.shards, self.said, self.let), watch=self.watch)

    async def fill(self) -> None:
        store = MemoryStore(self.shards)
        await store.connect()
        await certify(store)
        await put_events(store, SPEND, ["ann"], [(1, 1.0)])

    async def fetch(self, buyer: str = "ann") -> Fetched:
        return await self.fetcher.fetch(INPUTS.views, INPUTS.keys, [{"buyer": buyer}])

    def lose_connections(self) -> None:
        self.shards.stop()
        self.shards.start()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Filled, and not asked yet."""
    world = World()
    await world.fill()
    yield world
    await world.fetcher.close()


async def test_calls_share_one_connection(world: World) -> None:
    """Made for the first of them; it looks at the certificate before anything is read."""
    found = await asyncio.gather(*(world.fetch(buyer) for buyer in ("ann", "bob", "ann")))

    assert [fetched.rows[0][0] is not None for fetched in found] == [True, False, True]
    assert world.said == ["connect", "certificate", "fields", "fields", "fields"]


async def test_features_of_the_request_alone_ask_no_store(world: World) -> None:
    """A service may have no view at all."""
    fetched = await world.fetcher.fetch((), EntityKeys("shop", ()), [{}, {}])
    assert (fetched.rows, world.said) == ([[], []], [])


async def test_a_lost_connection_is_replaced_within_the_call(world: World) -> None:
    """By one that all share whose reads failed, and which has looked at the certificate first."""
    await world.fetch()
    world.said.clear()
    world.lose_connections()
    found = await asyncio.gather(*(world.fetch() for _ in range(5)))

    assert all(fetched.rows[0][0] is not None for fetched in found)
    assert world.said == ["fields", "connect", "certificate", *["fields"] * 5]


async def test_a_store_that_came_back_empty_is_not_read(world: World) -> None:
    """Not once, though no look at the certificate was due."""
    await world.fetch()
    world.shards.flush()
    world.lose_connections()
    world.said.clear()
    with pytest.raises(NotServingError):
        await world.fetch()

    assert world.said == ["fields", "connect", "certificate"]


async def test_a_store_that_is_away_is_asked_once_more_and_no_more(world: World) -> None:
    """And once the watch knows, not at all."""
    await world.fetch()
    world.shards.stop()
    with pytest.raises(StoreUnavailableError):
        await world.fetch()
    await world.watch.look()
    world.said.clear()
    with pytest.raises(StoreUnavailableError):
        await world.fetch()

    assert world.said == []


async def test_a_caller_that_goes_away_takes_nobody_with_it(world: World) -> None:
    """Not even the one for whom the connection was made."""
    world.let.clear()
    callers = [asyncio.create_task(world.fetch()) for _ in range(4)]
    await wait_until_async(lambda: world.said == ["connect"])
    callers[0].cancel()
    world.let.set()
    found = await asyncio.gather(*callers, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert [fetched.rows[0][0] is not None for fetched in found[1:] if isinstance(fetched, Fetched)] == [True] * 3
    assert world.said.count("connect") == 1
