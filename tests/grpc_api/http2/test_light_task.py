"""Coroutines run lightly end as they do as tasks of asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from grpc_api.http2.light_task import LightTask

NAME: ContextVar[str] = ContextVar("NAME", default="nobody")
Work = Callable[[], Coroutine[Any, Any, Any]]
Ended = tuple[object, BaseException | None]


def run(work: Work, *, cancel_after: float | None = None) -> Ended:
    """What a coroutine ends with, begun outside of any task, as a transport does."""
    loop = asyncio.new_event_loop()
    ended: list[Ended] = []

    def end(result: object, error: BaseException | None) -> None:
        ended.append((result, error))
        loop.stop()

    def begin() -> None:
        task = LightTask(work(), end, loop)
        task.run()
        if cancel_after is not None:
            loop.call_later(cancel_after, task.cancel)

    loop.call_soon(begin)
    loop.call_later(20, loop.stop)
    loop.run_forever()
    loop.close()
    (only,) = ended
    return only


async def nothing() -> str:
    return "at once"


async def turns() -> str:
    for _ in range(3):
        await asyncio.sleep(0)
    return "turns"


async def sleeps() -> str:
    await asyncio.sleep(0.001)
    return "slept"


async def raises() -> None:
    await asyncio.sleep(0)
    raise ValueError("wrong")


async def waits_for_what_fails() -> str:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, KeyError("gone"))
    try:
        await future
    except KeyError:
        return "caught"
    return "nothing"


async def times_out() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        return "timed out"
    return "nothing"


async def waits_for() -> str:
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except TimeoutError:
        return "timed out"
    return "nothing"


async def groups() -> int:
    async with asyncio.TaskGroup() as group:
        parts = [group.create_task(asyncio.sleep(0.001, n)) for n in range(3)]
    return sum(part.result() for part in parts)


async def group_fails() -> str:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(raises())
            await asyncio.sleep(60)
    except* ValueError:
        pass
    return "caught"


async def gathers() -> list[str]:
    return await asyncio.gather(sleeps(), turns())


async def knows_itself() -> bool:
    before = asyncio.current_task()
    await asyncio.sleep(0.001)
    return before is not None and before is asyncio.current_task()


async def keeps_its_context() -> str:
    NAME.set("mine")
    await asyncio.sleep(0.001)
    return NAME.get()


@pytest.mark.parametrize(
    "work",
    [
        nothing, turns, sleeps, raises, waits_for_what_fails, times_out, waits_for, groups, group_fails, gathers,
        knows_itself, keeps_its_context,
    ],
)  # fmt: skip
def test_it_ends_as_a_task_does(work: Work) -> None:
    """With the same result or error."""
    try:
        expected: Ended = asyncio.run(work()), None
    except ValueError as error:
        expected = None, error
    result, error = run(work)

    assert (result, repr(error)) == (expected[0], repr(expected[1]))
    assert NAME.get() == "nobody"


async def sleeps_long() -> None:
    await asyncio.sleep(60)


async def cleans_up_slowly() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(0.001)
        return "cleaned up"
    return "nothing"


async def waits_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))


@pytest.mark.parametrize("work", [sleeps_long, waits_in_a_group])
def test_it_can_be_cancelled(work: Work) -> None:
    """Wherever it waits."""
    assert isinstance(run(work, cancel_after=0.01)[1], asyncio.CancelledError)


def test_it_may_clean_up_when_cancelled() -> None:
    """And may wait for that, and answer all the same."""
    assert run(cleans_up_slowly, cancel_after=0.01) == ("cleaned up", None)


def test_what_never_waits_ends_before_run_returns() -> None:
    """So its answer needs no turn of the loop."""
    loop = asyncio.new_event_loop()
    ended: list[object] = []
    loop.call_soon(lambda: (LightTask(nothing(), lambda result, _: ended.append(result), loop).run(), loop.stop()))
    loop.call_soon(lambda: ended.append("next turn"))
    loop.run_forever()
    loop.close()

    assert ended[0] == "at once"


def test_cancelling_between_steps_is_not_lost() -> None:
    """Where what it waits for is done but has not woken it yet."""
    loop = asyncio.new_event_loop()
    ended: list[BaseException | None] = []
    future: asyncio.Future[None] = loop.create_future()

    async def waits() -> None:
        await future
        await asyncio.sleep(60)

    def end(_result: object, error: BaseException | None) -> None:
        ended.append(error)
        loop.stop()

    task = LightTask(waits(), end, loop)

    def act() -> None:
        task.run()
        future.set_result(None)
        task.cancel()

    loop.call_soon(act)
    loop.call_later(20, loop.stop)
    loop.run_forever()
    loop.close()

    assert isinstance(ended[0], asyncio.CancelledError)
    assert task.done()
    assert not task.cancel()


def test_awaiting_what_is_no_future_is_told() -> None:
    """As asyncio does."""

    class Odd:
        def __await__(self) -> Any:
            yield "no future"

    async def odd() -> None:
        waited: Awaitable[None] = Odd()
        await waited

    assert "no future" in str(run(odd)[1])
