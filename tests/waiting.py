"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.01


def wait_until(condition: Callable[[], T], deadline_s: float = 10.0, what: str = "") -> T:
    """Call until the answer is true, and return it; AssertionError past the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what or condition}; last answer {answer!r}")
        time.sleep(POLL_S)


async def wait_until_async(condition: Callable[[], T | Awaitable[T]], deadline_s: float = 10.0, what: str = "") -> T:
    """The same without blocking the event loop; the condition may be a coroutine function."""
    end = time.monotonic() + deadline_s
    while True:
        answer = condition()
        value = await answer if isinstance(answer, Awaitable) else answer
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what or condition}; last answer {value!r}")
        await asyncio.sleep(POLL_S)
