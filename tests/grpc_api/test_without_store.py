"""What a score is while the store cannot be read: refused, or made without it and told so."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from features.memory_store import MemoryStore
from features.settings import ScorerSettings
from features.vector import MissingPolicy
from millstream import Client, ScoreResult, ServerUnavailableError
from tests.grpc_api.shop import SPEND, Shop, open_shop, publish
from tests.grpc_api.test_transport import health_of
from tests.waiting import wait_until

DEFAULTS = MissingPolicy(default=2.0)
NAMES = tuple(f"spend:{name}" for name in SPEND.feature_names)


class SlowStore(MemoryStore):
    """A store that keeps readers waiting while it is told to."""

    is_slow = False

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        if self.is_slow:
            await asyncio.sleep(3_600)
        return await super().read_fields(keys, fields)


def settings(**changed: Any) -> ScorerSettings:
    return ScorerSettings.model_validate({"port": 0, "rest": False, **changed})


@pytest.fixture
def defaulting(tmp_path: Path) -> Iterator[tuple[Shop, Client]]:
    """A scorer whose settings let models do without the store."""
    publish(tmp_path, "1", missing=DEFAULTS)
    with open_shop(tmp_path, settings=settings(store_down="default")) as (shop, client):
        yield shop, client


def is_defaulted(result: ScoreResult) -> bool:
    """Whether it says of every feature of a view that the store was not there."""
    notes = [(note.feature, note.reason, note.defaulted) for note in result.notes]
    return notes[:4] == [(name, "store_unavailable", True) for name in NAMES]


def test_answers_and_records_say_that_they_were_made_without_the_store(defaulting: tuple[Shop, Client]) -> None:
    """The vector is the policy's; the record stands on no view; once the store is back, nothing of it is left."""
    shop, client = defaulting
    before = client.score({"buyer": "ann"}, request={"basket": 30.0})
    shop.store.shards.stop()
    without = client.score({"buyer": "ann"}, request={"basket": 30.0})
    batch = client.score_batch([{"buyer": "ann"}] * 3)
    wait_until(lambda: shop.sample("millstream_scorer_model_ready", model="buys") == 0)
    later = client.score({"buyer": "ann"}, request={"basket": 30.0})
    assert health_of(shop, "buys") == "SERVING"
    shop.store.shards.start()
    wait_until(lambda: client.score({"buyer": "ann"}, request={"basket": 30.0}).notes == ())

    for result in (without, later, *batch):
        assert isinstance(result, ScoreResult)
        assert is_defaulted(result)
        assert result.raw_score == 2.0 * 1.25
        assert result.newest_feature_age is None
    wait_until(lambda: len(shop.records.records) >= 6)
    assert before.notes == ()
    fetched, *defaulted = shop.records.records[:6]
    assert (fetched.source, len(fetched.views)) == ("fetched", 1)
    assert {(one.source, one.views, one.vector) for one in defaulted} == {("defaulted", (), (2.0,) * 5)}


def test_without_a_policy_calls_are_refused(tmp_path: Path) -> None:
    """They may be made again."""
    publish(tmp_path, "1", missing=DEFAULTS)
    with open_shop(tmp_path) as (shop, client):
        shop.store.shards.stop()
        with pytest.raises(ServerUnavailableError, match="UNAVAILABLE"):
            client.score({"buyer": "ann"})


@pytest.mark.parametrize(
    ("policy", "setting", "answers"),
    [
        (MissingPolicy(default=2.0, store_down="default"), "fail", True),
        (MissingPolicy(default=2.0, store_down="fail"), "default", False),
        (MissingPolicy(default=2.0, features={"spend:n_day": "fail"}), "default", False),
        (MissingPolicy(default=2.0, features={"at_request:basket_ratio": "fail"}), "default", False),
    ],
)
def test_the_model_has_the_last_word(tmp_path: Path, policy: MissingPolicy, setting: str, answers: bool) -> None:
    """Its policy goes before the settings; one that refuses a missing feature leaves nothing to answer with."""
    publish(tmp_path, "1", missing=policy)
    with open_shop(tmp_path, settings=settings(store_down=setting)) as (shop, client):
        shop.store.shards.stop()
        if answers:
            assert is_defaulted(client.score({"buyer": "ann"}))
            return
        with pytest.raises(ServerUnavailableError):
            client.score({"buyer": "ann"})


def test_features_alone_are_never_made_up(defaulting: tuple[Shop, Client]) -> None:
    """Whoever asks for what the store holds wants that."""
    shop, client = defaulting
    shop.store.shards.stop()
    with pytest.raises(ServerUnavailableError):
        client.get_features({"buyer": "ann"}, service="buyers")


@pytest.mark.parametrize("store_down", ["default", "fail"])
def test_a_slow_store_has_its_share_of_the_time_and_no_more(tmp_path: Path, store_down: str) -> None:
    """The rest is the caller's: for an answer without the store, or for asking elsewhere."""
    publish(tmp_path, "1", missing=DEFAULTS)
    stores: list[SlowStore] = []

    def open_reader() -> MemoryStore:
        stores.append(SlowStore(shop.store.shards))
        return stores[-1]

    arguments = {"settings": settings(store_down=store_down, fetch_share=0.02), "open_reader": open_reader}
    with open_shop(tmp_path, **arguments) as (shop, client):
        assert not math.isnan(client.score({"buyer": "ann"}).raw_score)
        SlowStore.is_slow = True
        try:
            begin_s = time.monotonic()
            if store_down == "default":
                assert is_defaulted(client.score({"buyer": "ann"}, deadline_s=20.0))
            else:
                with pytest.raises(ServerUnavailableError, match=r"share of the call.*UNAVAILABLE"):
                    client.score({"buyer": "ann"}, deadline_s=20.0)
            assert time.monotonic() - begin_s < 10.0
        finally:
            SlowStore.is_slow = False
        assert client.score({"buyer": "ann"}, request={"basket": 1.0}).notes == ()
