"""Callers that hang up, or whose time is over, while their features are read together with those of others."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from features.memory_store import MemoryShards, MemoryStore
from features.settings import ScorerSettings
from millstream import Client
from tests.grpc_api.rest_client import RestClient
from tests.grpc_api.shop import Shop, open_shop, publish
from tests.waiting import wait_until

QUESTION = {"entity": {"buyer": "ann"}, "request": {"basket": 30.0}}
BODY = json.dumps(QUESTION).encode()
JSON = {"content-type": "application/json"}


class Reads:
    """The reads of a store that answers once it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.answers = threading.Event()


class HeldStore(MemoryStore):
    """One whose reads are held."""

    def __init__(self, shards: MemoryShards, reads: Reads) -> None:
        super().__init__(shards)
        self._reads = reads

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        self._reads.begun += 1
        await asyncio.to_thread(self._reads.answers.wait)
        return await super().read_fields(keys, fields)


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def shop(tmp_path: Path, reads: Reads) -> Iterator[tuple[Shop, Client]]:
    """A scorer whose store is held."""
    publish(tmp_path, "1")
    settings = ScorerSettings(port=0, rest_port=0)
    with open_shop(tmp_path, settings=settings, open_reader=lambda: HeldStore(opened[0].store.shards, reads)) as opened:
        yield opened
        reads.answers.set()


def n_ended(shop: Shop, code: str) -> float:
    return shop.sample("millstream_scorer_requests_total", method="Score", code=code)


def hang_up_in_the_middle(shop: Shop) -> None:
    """Ask, and be gone once the request is sent."""
    with closing(http.client.HTTPConnection(shop.rest_address, timeout=20.0)) as connection:
        connection.request("POST", "/predict", BODY, JSON)
        assert isinstance(connection.sock, socket.socket)


def test_neighbours_of_callers_that_are_gone_are_answered(shop: tuple[Shop, Client], reads: Reads) -> None:
    """By REST and by gRPC, with one and the same number; who is gone is counted, and takes no place any more."""
    here, client = shop
    with ThreadPoolExecutor(2) as callers, closing(RestClient(here.rest_address)) as rest:
        by_rest = callers.submit(rest.post, "/predict", QUESTION)
        by_grpc = callers.submit(client.score, {"buyer": "ann"}, request={"basket": 30.0}, deadline_s=60.0)
        wait_until(lambda: here.sample("millstream_scorer_in_flight") == 2)
        for _ in range(5):
            hang_up_in_the_middle(here)
        wait_until(lambda: n_ended(here, "CANCELLED") == 5)
        late = RestClient(here.rest_address)
        assert late.send("POST", "/predict", BODY, {**JSON, "grpc-timeout": "50m"}).status in {503, 504}
        late.close()
        assert here.sample("millstream_scorer_in_flight") == 2
        assert reads.begun > 0
        reads.answers.set()
        assert by_rest.result().json["probability"] == by_grpc.result().score
    wait_until(lambda: n_ended(here, "OK") == 2)
    assert here.sample("millstream_scorer_in_flight") == 0
