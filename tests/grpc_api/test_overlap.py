"""Steps under way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from grpc_api.overlap import overlapped
from tests.waiting import wait_until_async


class Steps:
    """Steps that end when they are let; tells which were made, and which were cancelled."""

    def __init__(self, n: int) -> None:
        self.let = [asyncio.Event() for _ in range(n)]
        self.made: list[int] = []
        self.cancelled: list[int] = []

    def __iter__(self) -> Iterator[Coroutine[Any, Any, int]]:
        for i in range(len(self.let)):
            self.made.append(i)
            yield self.step(i)

    async def step(self, i: int) -> int:
        try:
            await self.let[i].wait()
        except asyncio.CancelledError:
            self.cancelled.append(i)
            raise
        if i == 5:
            raise ValueError("the sixth")
        return i


async def test_results_come_in_order_whoever_is_done_first() -> None:
    """And no more are under way than were asked for."""
    steps = Steps(4)
    results = overlapped(iter(steps), 2)
    first = asyncio.create_task(anext(results))
    await wait_until_async(lambda: steps.made == [0, 1])
    steps.let[1].set()
    steps.let[0].set()
    assert await first == 0
    for later in steps.let[2:]:
        later.set()
    assert [result async for result in results] == [1, 2, 3]


async def test_a_step_that_fails_ends_those_behind_it() -> None:
    """Those before it have given their results; the others that were under way are cancelled, the rest never made."""
    steps = Steps(9)
    for event in steps.let[:6]:
        event.set()
    results = overlapped(iter(steps), 3)
    assert [await anext(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="the sixth"):
        await anext(results)
    assert steps.made == list(range(8))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_wants_no_more_leaves_nothing_behind() -> None:
    """Nor who is cancelled meanwhile."""
    steps = Steps(4)
    steps.let[0].set()
    async with aclosing(overlapped(iter(steps), 3)) as results:
        assert await anext(results) == 0
    assert steps.cancelled == [1, 2]

    steps = Steps(4)
    waiting = asyncio.create_task(anext(overlapped(iter(steps), 2)))
    await wait_until_async(lambda: steps.made == [0, 1])
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(steps.cancelled) == [0, 1]
