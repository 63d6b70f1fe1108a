"""Scores of before, and when they answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.memory_store import MemoryStore
from features.settings import ScorerSettings
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.call import Call
from grpc_api.metrics import ScorerMetrics
from grpc_api.score_cache import ScoreCache
from millstream import BatchRow, CallRefusedError, Client, ScoreResult
from tests.grpc_api.shop import HOUR_US, NOON_US, SPEND, Shop, open_shop, publish, put_events
from tests.waiting import wait_until

CACHING = ScorerSettings(port=0, rest=False, score_cache=True)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Shop, Client]]:
    """A scorer that keeps its scores."""
    publish(tmp_path, "1", weights=[1.0, 0.25, 0.0, 1.0, 1.0])
    with open_shop(tmp_path, settings=CACHING) as (shop, client):
        yield shop, client


def hits(shop: Shop) -> float:
    """Rows that were known."""
    return shop.sample("millstream_scorer_cache_rows_total", outcome="hit")


def test_a_score_of_before_answers_the_same_question(running: tuple[Shop, Client]) -> None:
    """With the instant that it was computed for; each answer has its own id and its own record."""
    shop, client = running
    first = client.score({"buyer": "ann"}, request={"basket": 30.0})
    shop.clock.at_us += HOUR_US
    second = client.score({"buyer": "ann"}, request={"basket": 30.0}, request_id="mine")

    assert hits(shop) == 1
    assert (second.score, second.raw_score, second.as_of) == (first.score, first.raw_score, first.as_of)
    assert (second.request_id, first.request_id == second.request_id) == ("mine", False)
    one, two = shop.records.records
    assert (one.vector, one.as_of_us, one.views) == (two.vector, two.as_of_us, two.views)
    assert (two.scored_at - one.scored_at).total_seconds() == 3_600


@pytest.mark.parametrize(
    "request_fields", [{"basket": 1}, {"basket": 1.0}, {"basket": 0.0}, {"basket": -0.0}, {"basket": None}, {}]
)
def test_another_question_is_another_score(
    running: tuple[Shop, Client], request_fields: dict[str, float | int | None]
) -> None:
    """However little it differs."""
    shop, client = running
    client.score({"buyer": "ann"}, request={"basket": 30.0})
    client.score({"buyer": "ann"}, request=request_fields)
    client.score({"buyer": "bob"}, request={"basket": 30.0})
    client.score({"buyer": "ann"}, request={"basket": 30.0}, as_of=client.score({"buyer": "bob"}).as_of)

    assert hits(shop) == 0


def test_what_is_refused_is_refused_beside_scores_of_before(running: tuple[Shop, Client]) -> None:
    """An infinite field is no null, though JSON writes both alike."""
    _, client = running
    client.score({"buyer": "ann"}, request={"basket": None})
    for infinite in (math.inf, -math.inf):
        with pytest.raises(CallRefusedError, match="infinite"):
            client.score({"buyer": "ann"}, request={"basket": infinite})


def test_an_event_makes_another_score(running: tuple[Shop, Client]) -> None:
    """The very next one, however fresh the score of before."""
    shop, client = running
    before = client.score({"buyer": "carl"}, request={"basket": 30.0})

    async def buy() -> None:
        store = MemoryStore(shop.store.shards)
        await store.connect()
        await put_events(store, SPEND, ["carl"], [(NOON_US - HOUR_US, 10.0)])

    asyncio.run(buy())
    after = client.score({"buyer": "carl"}, request={"basket": 30.0})
    assert hits(shop) == 0
    assert after.raw_score != before.raw_score


def test_another_version_makes_another_score(running: tuple[Shop, Client]) -> None:
    """From its first answer on."""
    shop, client = running
    client.score({"buyer": "ann"})
    publish(shop.models, "2", bias=1.0)
    wait_until(lambda: client.score({"buyer": "ann"}).version == "2")
    assert client.score({"buyer": "ann"}).raw_score == 10.5


def test_rows_of_a_batch_are_known_one_by_one(running: tuple[Shop, Client]) -> None:
    """In their order; a refused one is never known."""
    shop, client = running
    rows = [BatchRow({"buyer": name}, request={"basket": 1.0}) for name in ("ann", "bob", "nobody")]
    first = client.score_batch(rows)
    again = client.score_batch([rows[2], BatchRow({"buyer": "ann"}, request={"basket": 2.0}), rows[0]])

    assert hits(shop) == 2
    assert [row.raw_score for row in again if isinstance(row, ScoreResult)][::2] == [
        row.raw_score for row in (first[2], first[0]) if isinstance(row, ScoreResult)
    ]


def test_scores_are_kept_for_a_while_and_so_many(running: tuple[Shop, Client]) -> None:
    """The oldest go first."""
    shop = running[0]
    metrics, now_s = ScorerMetrics(), [0.0]
    cache = ScoreCache(ttl_s=300.0, max_rows=3, metrics=metrics, monotonic=lambda: now_s[0])
    core = shop.scorer.core
    core._scorer._score_rows = cache.score_rows

    def ask(basket: float) -> None:
        request = pb.ScoreRequest(
            entity={"buyer": pb.Value(text="ann")}, request={"basket": pb.Value(number=basket)}
        ).SerializeToString()
        shop.scorer.run(core.score(request, Call()))

    def n_hits() -> float | None:
        return metrics.registry.get_sample_value("millstream_scorer_cache_rows_total", {"outcome": "hit"})

    for basket in (1.0, 2.0, 3.0, 4.0):  # the first is gone then
        ask(basket)
    assert (len(cache), n_hits()) == (3, 0)
    now_s[0] = 299.0
    ask(2.0)
    assert n_hits() == 1
    ask(1.0)
    assert (len(cache), n_hits()) == (3, 1)
    now_s[0] = 300.0
    ask(3.0)  # has expired
    assert (len(cache), n_hits()) == (2, 1)
    ask(1.0)
    assert n_hits() == 2


def test_nothing_is_kept_where_it_was_not_asked_for(tmp_path: Path) -> None:
    """The same question is computed anew, as of its own instant."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        first = client.score({"buyer": "ann"})
        shop.clock.at_us += HOUR_US
        assert client.score({"buyer": "ann"}).as_of != first.as_of
