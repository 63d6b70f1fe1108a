"""Waits that end in time."""

from __future__ import annotations

import asyncio
import time

import pytest

from grpc_api.patience import Patience

LONG_S = 60.0


async def answer(patience: Patience, until_s: float, future: asyncio.Future[int]) -> int | str:
    try:
        return await patience.until(until_s, future)
    except TimeoutError:
        return "late"


async def test_work_that_is_done_in_time_gives_what_it_gives() -> None:
    """Its value or its error."""
    patience, loop = Patience(), asyncio.get_running_loop()
    good, bad = loop.create_future(), loop.create_future()
    loop.call_later(0.01, good.set_result, 7)
    loop.call_later(0.01, bad.set_exception, KeyError())
    assert await answer(patience, time.monotonic() + LONG_S, good) == 7
    with pytest.raises(KeyError):
        await patience.until(time.monotonic() + LONG_S, bad)


async def test_each_wait_ends_at_its_own_time() -> None:
    """Those that are over do not take the others with them; the work that was waited for is cancelled."""
    patience, loop, now_s = Patience(), asyncio.get_running_loop(), time.monotonic()
    futures = [loop.create_future() for _ in range(4)]
    waits = [
        asyncio.create_task(answer(patience, now_s + after_s, future))
        for after_s, future in zip((0.01, LONG_S, -1.0, LONG_S), futures, strict=True)
    ]
    assert [await waits[0], await waits[2]] == ["late", "late"]
    assert [future.cancelled() for future in futures] == [True, False, True, False]
    futures[1].set_result(1)
    futures[3].set_result(3)
    assert [await waits[1], await waits[3]] == [1, 3]


async def test_who_is_cancelled_is_cancelled() -> None:
    """And not told that it was late, even at the very moment."""
    patience, future = Patience(), asyncio.get_running_loop().create_future()
    for until_s in (time.monotonic() + LONG_S, time.monotonic()):
        task = asyncio.create_task(answer(patience, until_s, future))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        future = asyncio.get_running_loop().create_future()


async def test_it_works_within_a_timeout_of_others() -> None:
    """Each of two nested limits ends as it should."""
    patience, loop = Patience(), asyncio.get_running_loop()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await answer(patience, time.monotonic() + LONG_S, loop.create_future())
    async with asyncio.timeout(LONG_S):
        assert await answer(patience, time.monotonic(), loop.create_future()) == "late"
