"""Whose turn it is: the loop gets its time between long scores, and nobody is passed over."""

from __future__ import annotations

import asyncio

from grpc_api.turns import Turns


async def score(turns: Turns, name: int, took_s: float, done: list[str]) -> None:
    """One score that says that it took so long."""
    if not turns.free:
        await turns.wait()
    done.append(str(name))
    turns.spent(took_s)


async def ticks(done: list[str], n: int) -> None:
    """What else the loop does: a mark a tick."""
    for _ in range(n):
        done.append("|")
        await asyncio.sleep(0)


async def test_long_scores_leave_the_loop_a_tick_between_two() -> None:
    """Ten that fill a slice each: in order of arrival, and the loop comes around after every one."""
    turns, done = Turns(slice_s=0.002), list[str]()
    async with asyncio.TaskGroup() as group:
        group.create_task(ticks(done, 40))
        for name in range(10):
            group.create_task(score(turns, name, 0.01, done))
    assert [one for one in done if one != "|"] == [str(name) for name in range(10)]
    text = "".join(done)
    assert all(f"{name}{name + 1}" not in text for name in range(9))


async def test_short_scores_do_not_wait() -> None:
    """A slice holds many of them: those of a tick follow each other."""
    turns, done = Turns(slice_s=0.002), list[str]()
    async with asyncio.TaskGroup() as group:
        group.create_task(ticks(done, 3))
        for name in range(9):
            group.create_task(score(turns, name, 0.0001, done))
    assert "012345678" in "".join(done)


async def test_as_many_go_on_as_fill_a_slice() -> None:
    """Where a slice holds four, those who wait go on by four and not one by one."""
    turns, done = Turns(slice_s=0.004), list[str]()
    for _ in range(200):
        turns.spent(0.001)  # what scores took so far
    async with asyncio.TaskGroup() as group:
        for name in range(9):
            group.create_task(score(turns, name, 0.001, done))
        group.create_task(ticks(done, 12))
    assert any(four in "".join(done) for four in ("0123", "1234", "2345", "3456"))


async def test_who_goes_away_is_no_one_s_loss() -> None:
    """Callers that are cancelled while they wait, or as they are called up, leave their turn to the next."""
    turns, done = Turns(slice_s=0.002), list[str]()
    turns.spent(1.0)
    waiting = [asyncio.create_task(score(turns, name, 0.01, done)) for name in range(20)]
    await asyncio.sleep(0)
    for at, task in enumerate(waiting):
        if at % 3:
            task.cancel()
    await asyncio.sleep(0)
    waiting[3].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert set(done) | {"3"} == {str(name) for name in range(0, 20, 3)}
    for _ in range(5):
        await asyncio.sleep(0)
    assert turns.free
