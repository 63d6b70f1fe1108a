"""Steps that wait for a neighbour, some of them under way at a time: while one waits, another computes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


async def overlapped(steps: Iterator[Coroutine[Any, Any, T]], most: int) -> AsyncGenerator[T, None]:
    """What each step gives, in order; ``most`` of them are under way at a time, and a step is not made before its turn.

    Where one raises, or nobody wants more, those under way are cancelled.
    """
    under_way: deque[asyncio.Task[T]] = deque()
    try:
        for step in steps:
            under_way.append(asyncio.create_task(step))
            if len(under_way) == most:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
