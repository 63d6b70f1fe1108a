"""How long callers wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from features.errors import RequestError
from grpc_api.call import Call
from grpc_api.rest.waiting import Waiting, deadline_of

DEADLINE_S = 20.0


async def never() -> dict[str, Any]:
    """A caller that stays."""
    await asyncio.Event().wait()
    return {}


async def gone() -> dict[str, Any]:
    """A caller that hangs up."""
    return {"type": "http.disconnect"}


async def wait(call: Call, receive: Any = never, limit_s: float = DEADLINE_S) -> None:
    async with asyncio.timeout(DEADLINE_S):
        async with Waiting(call, limit_s) as waiting:
            waiting.listen(receive)
            await asyncio.Event().wait()


def test_a_deadline_is_told_as_grpc_tells_it() -> None:
    """Up to eight digits and a unit; none is none, and what is neither is refused."""
    assert deadline_of("250m", 100.0) == 100.25
    assert deadline_of("2S", 100.0) == 102.0
    assert deadline_of(None, 100.0) is None
    for wrong in ("", "250", "m", "-1S", "1.5S", "123456789S", "1s", "é"):
        with pytest.raises(RequestError, match=r"header grpc-timeout: is '.*'; send up to eight digits"):
            deadline_of(wrong, 100.0)


async def test_work_ends_with_the_deadline() -> None:
    """The call is known to be late, not cancelled, whatever the loop's clock says."""
    call = Call(deadline_s=time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        await wait(call)
    assert not call.cancelled
    assert not call.is_wanted


async def test_work_ends_when_the_caller_hangs_up() -> None:
    """Which the call knows."""
    call = Call()
    with pytest.raises(TimeoutError):
        await wait(call, gone)
    assert call.cancelled


async def test_a_call_without_a_deadline_has_the_servers() -> None:
    """As long as it lasts the call has none, so that its work is given time as over gRPC."""
    call = Call()
    with pytest.raises(TimeoutError):
        await wait(call, limit_s=0.01)
    assert not call.cancelled
    assert not call.is_wanted


async def test_a_body_has_the_servers_time_even_if_its_caller_has_more() -> None:
    """The work afterwards has the caller's."""
    call = Call(deadline_s=time.monotonic() + 3_600.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(DEADLINE_S), Waiting(call, 0.01):
            await asyncio.Event().wait()
    call = Call(deadline_s=time.monotonic() + 3_600.0)
    async with Waiting(call, 0.01) as waiting:
        waiting.listen(never)
        await asyncio.sleep(0.05)
    assert call.is_wanted


async def fail() -> None:
    async with Waiting(Call(), 0.01) as waiting:
        waiting.listen(never)
        raise ValueError("mine")


async def test_work_that_is_done_is_left_alone() -> None:
    """Neither its timer nor its listener outlives it, and its own errors are its own."""
    async with Waiting(Call(), 0.01) as waiting:
        waiting.listen(never)
    with pytest.raises(ValueError, match="mine"):
        await fail()
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "caller"] == []
