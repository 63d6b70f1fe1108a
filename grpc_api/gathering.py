"""Messages of a stream, taken together as they have come: the faster they come, the more at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress


async def gathered(messages: AsyncIterator[bytes], most: int) -> AsyncGenerator[list[bytes], None]:
    """What has come since the last time: one message at least, ``most`` at most, in order.

    As many wait here, and no more are read: the transport then holds the sender back. An error of ``messages`` is
    raised once all that came before it was given.
    """
    waiting: asyncio.Queue[bytes | _End] = asyncio.Queue(most)
    reading = asyncio.create_task(_read(messages, waiting))
    try:
        while True:
            some, end = await _take(waiting, most)
            if some:
                yield some
            if end is not None:
                if end.error is not None:
                    raise end.error
                return
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


class _End:
    """The last thing in the queue."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


async def _read(messages: AsyncIterator[bytes], waiting: asyncio.Queue[bytes | _End]) -> None:
    try:
        async for message in messages:
            await waiting.put(message)
    except Exception as error:  # it is the taker's to handle
        await waiting.put(_End(error))
    else:
        await waiting.put(_End())


async def _take(waiting: asyncio.Queue[bytes | _End], most: int) -> tuple[list[bytes], _End | None]:
    some: list[bytes] = []
    one = await waiting.get()
    while not isinstance(one, _End):
        some.append(one)
        if len(some) == most or waiting.empty():
            return some, None
        one = waiting.get_nowait()
    return some, one
