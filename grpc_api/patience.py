"""Waits that end in time, all by one timer: one for each, as `asyncio.timeout` has it, is what a request would feel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

T = TypeVar("T")

TICK_S: Final = 0.002
"""How much longer than it may a wait can last."""


class _Wait:
    """One wait under way."""

    __slots__ = ("cancelling", "is_over", "task", "until_s")

    def __init__(self, task: asyncio.Task[Any], until_s: float) -> None:
        self.task = task
        self.until_s = until_s
        self.cancelling = task.cancelling()
        self.is_over = False


class Patience:
    """Of the loop's own thread."""

    def __init__(self) -> None:
        self._waits: set[_Wait] = set()
        self._ticks = False

    async def until(self, until_s: float, work: Awaitable[T]) -> T:
        """What the work gives; TimeoutError, and the work cancelled, past that instant of the monotonic clock."""
        task = asyncio.current_task()
        assert task is not None
        wait = _Wait(task, until_s)
        self._waits.add(wait)
        if not self._ticks:
            self._ticks = True
            asyncio.get_running_loop().call_later(TICK_S, self._tick)
        try:
            return await work
        except asyncio.CancelledError:
            if wait.is_over and task.uncancel() <= wait.cancelling:  # it was us, and nobody else
                raise TimeoutError from None
            raise
        finally:
            self._waits.discard(wait)

    def _tick(self) -> None:
        now_s = time.monotonic()
        for wait in [wait for wait in self._waits if wait.until_s <= now_s]:
            self._waits.discard(wait)
            wait.is_over = True
            wait.task.cancel()
        self._ticks = bool(self._waits)
        if self._ticks:
            asyncio.get_running_loop().call_later(TICK_S, self._tick)
