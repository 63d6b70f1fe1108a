"""Messages of a stream, taken together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from grpc_api.gathering import gathered
from tests.waiting import wait_until_async


class Source:
    """Messages that count how many of them were read, and may end in an error."""

    def __init__(self, n: int, error: Exception | None = None) -> None:
        self.n = n
        self.error = error
        self.read = 0

    async def messages(self) -> AsyncIterator[bytes]:
        for _ in range(self.n):
            self.read += 1
            yield b"%d" % self.read
        if self.error is not None:
            raise self.error


async def test_what_has_come_is_given_together_and_in_order() -> None:
    """Never more than the most, never nothing."""
    taken = [some async for some in gathered(Source(10).messages(), 4)]

    assert b" ".join(message for some in taken for message in some) == b"1 2 3 4 5 6 7 8 9 10"
    assert all(1 <= len(some) <= 4 for some in taken)
    assert len(taken) < 10


async def test_no_more_is_read_than_may_wait() -> None:
    """However long the taker takes."""
    source = Source(1_000)
    async with aclosing(gathered(source.messages(), 4)) as taken:
        some = await anext(taken)
        before = len(some)
        await wait_until_async(lambda: source.read == before + 5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert source.read == before + 5  # four wait, and one is in the reader's hand


async def test_an_error_comes_after_what_came_before_it() -> None:
    """So that every message has its answer."""
    taken = gathered(Source(3, ConnectionError("cut")).messages(), 3)
    before = list(await anext(taken))
    while len(before) < 3:
        before += await anext(taken)

    assert before == [b"1", b"2", b"3"]
    with pytest.raises(ConnectionError):
        await anext(taken)


async def test_a_stream_of_nothing_gives_nothing() -> None:
    """And ends."""
    assert [some async for some in gathered(Source(0).messages(), 4)] == []
