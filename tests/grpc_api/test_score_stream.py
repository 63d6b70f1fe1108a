"""Streams of scores: ordered, each row for itself, and never more under way than agreed."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.call import Call
from grpc_api.core import STREAM_ROWS
from millstream import AsyncClient, BatchRow, CallRefusedError, Client, DeadlineExceededError, RowFailure, ScoreResult
from tests.grpc_api.shop import Shop, open_shop, publish
from tests.grpc_api.test_scorer import NOON
from tests.grpc_api.test_tasks import ANN

Running = tuple[Shop, Client]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A scorer with two models."""
    publish(tmp_path, "1")
    publish(tmp_path, "4", model="buys_here", service="buyers_in_shops", weights=[0.0, 0.0, 3.0])
    with open_shop(tmp_path) as (shop, client):
        yield shop, client


def test_a_stream_gives_what_single_scores_give(running: Running) -> None:
    """In the order of the rows, whole answers, one record each, under the ids that were given."""
    shop, client = running
    rows = [
        BatchRow({"buyer": ("ann", "bob", "nobody")[i % 3]}, NOON, {"basket": i / 7}, request_id=f"r{i}")
        for i in range(500)
    ]
    results = list(client.score_stream(rows, model="buys", deadline_s=math.inf))

    assert [result.request_id for result in results if isinstance(result, ScoreResult)] == [f"r{i}" for i in range(500)]
    assert [record.request_id for record in shop.records.records] == [f"r{i}" for i in range(500)]
    for row, result in zip(rows[:6], results, strict=False):
        single = client.score(row.entity, as_of=NOON, request=row.request, request_id=row.request_id, model="buys")
        assert result == single


def test_answers_come_while_rows_still_go(running: Running) -> None:
    """A caller may wait for one before he sends the next."""
    answered = threading.Event()

    def rows() -> Iterator[BatchRow]:
        for _ in range(5):
            yield BatchRow({"buyer": "ann"})
            assert answered.wait(20)
            answered.clear()

    results = []
    for result in running[1].score_stream(rows(), model="buys"):
        results.append(result)
        answered.set()

    assert len(results) == 5


def test_a_row_of_a_stream_fails_alone(running: Running) -> None:
    """A wrong key, an unknown model, bytes that are no message: each has its code in its place."""
    core = running[0].scorer.core
    good = pb.ScoreRequest(model="buys", entity={"buyer": pb.Value(text="ann")})
    wrong = pb.ScoreRequest(model="buys", entity={"buyer": pb.Value(integer=7)})
    strange = pb.ScoreRequest(model="sells", entity={"buyer": pb.Value(text="ann")})
    other = pb.ScoreRequest(model="buys_here", entity={"buyer": pb.Value(text="ann"), "shop": pb.Value(integer=7)})
    vector = pb.ScoreRequest(model="buys", vector=pb.Vector(values=ANN))
    sent = [
        *(message.SerializeToString() for message in (good, wrong, strange, other, vector)),
        b"\xff\xff\xff",
        good.SerializeToString(),
    ]

    async def messages() -> AsyncIterator[bytes]:
        for data in sent:
            yield data

    async def ask() -> list[pb.RowResult]:
        return [pb.RowResult.FromString(data) async for data in core.score_stream(messages(), Call())]

    results = running[0].scorer.run(ask())
    assert [result.error.code for result in results] == [0, 3, 5, 0, 0, 3, 0]
    assert [result.answer.model for result in results] == ["buys", "", "", "buys_here", "buys", "", "buys"]
    assert [result.answer.raw_score for result in results if result.HasField("answer")] == [9.5, 3.0, 9.5, 9.5]
    assert len(running[0].records.records) == 4


def test_a_stream_whose_answers_nobody_takes_is_not_read_on(running: Running) -> None:
    """So a fast sender holds no memory of the server's."""
    core, read = running[0].scorer.core, 0
    message = pb.ScoreRequest(model="buys", entity={"buyer": pb.Value(text="ann")}).SerializeToString()

    async def messages() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield message

    async def ask() -> int:
        before = asyncio.all_tasks()
        async with aclosing(core.score_stream(messages(), Call())) as answers:
            await anext(answers)
            for _ in range(1_000):
                await asyncio.sleep(0)
        assert asyncio.all_tasks() == before  # nobody goes on reading
        return read

    assert running[0].scorer.run(ask()) <= 2 * STREAM_ROWS + 1


def test_the_store_away_fails_rows_and_not_the_stream(running: Running) -> None:
    """Rows that bring their vectors are answered all the while."""
    shop, client = running
    shop.store.shards.stop()
    rows = [BatchRow(vector=ANN), BatchRow({"buyer": "ann"}), BatchRow(vector=ANN)]
    results = list(client.score_stream(rows, model="buys"))

    assert [isinstance(result, RowFailure) for result in results] == [False, True, False]
    assert isinstance(results[1], RowFailure)
    assert results[1].code == "UNAVAILABLE"


def test_a_stream_ends_at_its_deadline_or_when_it_is_left(running: Running) -> None:
    """And an error of the caller's own rows is raised as it is."""
    _, client = running
    halted = threading.Event()

    def rows(error: Exception | None = None) -> Iterator[BatchRow]:
        yield BatchRow({"buyer": "ann"})
        if error is not None:
            raise error
        halted.wait(20)

    try:
        with pytest.raises(DeadlineExceededError):
            list(client.score_stream(rows(), model="buys", deadline_s=0.2))
        stream = client.score_stream(rows(), model="buys")
        assert isinstance(next(stream), ScoreResult)
        stream.close()  # type: ignore[attr-defined]  # a generator
        with pytest.raises(ZeroDivisionError):
            list(client.score_stream(rows(ZeroDivisionError()), model="buys"))
        with pytest.raises(CallRefusedError, match="no time zone"):
            list(client.score_stream([BatchRow({"buyer": "ann"}, as_of=NOON.replace(tzinfo=None))]))
    finally:
        halted.set()


async def test_the_asynchronous_client_streams_too(running: Running) -> None:
    """From an iterator, and from one that is asynchronous itself."""

    async def rows() -> AsyncIterator[BatchRow]:
        for i in range(100):
            await asyncio.sleep(0)
            yield BatchRow({"buyer": "ann"}, request_id=f"r{i}")

    async with AsyncClient(running[0].address) as client:
        results = [result async for result in client.score_stream(rows(), model="buys")]
        two = [result async for result in client.score_stream([{"buyer": "ann"}] * 2, model="buys")]

    assert [result.request_id for result in results if isinstance(result, ScoreResult)] == [f"r{i}" for i in range(100)]
    assert len(two) == 2


async def test_an_error_of_the_rows_is_no_cancellation(running: Running) -> None:
    """The asynchronous client raises it as it is, too; the call ends, and the caller's task goes on."""

    async def rows() -> AsyncIterator[BatchRow]:
        yield BatchRow({"buyer": "ann"})
        raise ZeroDivisionError

    async with AsyncClient(running[0].address) as client:
        with pytest.raises(ZeroDivisionError):
            _ = [result async for result in client.score_stream(rows(), model="buys")]
        naive = [BatchRow({"buyer": "ann"}, as_of=NOON.replace(tzinfo=None))]
        with pytest.raises(CallRefusedError, match="no time zone"):
            _ = [result async for result in client.score_stream(naive, model="buys")]
        assert isinstance(await client.score({"buyer": "ann"}, model="buys"), ScoreResult)
