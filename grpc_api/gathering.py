"""Messages of a stream, taken together as they have come: the faster they come, the more at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Final

MOST_BYTES: Final = 2**20


async def gathered(messages: AsyncIterator[bytes], most: int) -> AsyncGenerator[list[bytes], None]:
    """What has come since the last time: one message at least, ``most`` at most, in order.

    As many wait here, or as many as are `MOST_BYTES` together, and no more are read: the transport then holds the
    sender back. An error of ``messages`` is
    raised once all that came before it was given.
    """
    waiting = _Waiting(most)
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


class _Waiting(asyncio.Queue["bytes | _End"]):
    """A queue that is full by bytes, too."""

    _n_bytes = 0

    def full(self) -> bool:
        """See `asyncio.Queue`."""
        return super().full() or self._n_bytes >= MOST_BYTES

    def _put(self, item: bytes | _End) -> None:
        super()._put(item)
        self._n_bytes += len(item) if isinstance(item, bytes) else 0

    def _get(self) -> bytes | _End:
        item: bytes | _End = super()._get()
        self._n_bytes -= len(item) if isinstance(item, bytes) else 0
        return item


class _End:
    """The last thing in the queue."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


async def _read(messages: AsyncIterator[bytes], waiting: _Waiting) -> None:
    try:
        async for message in messages:
            await waiting.put(message)
    except Exception as error:  # it is the taker's to handle
        await waiting.put(_End(error))
    else:
        await waiting.put(_End())


async def _take(waiting: _Waiting, most: int) -> tuple[list[bytes], _End | None]:
    some: list[bytes] = []
    n_bytes = 0
    one = await waiting.get()
    while not isinstance(one, _End):
        some.append(one)
        n_bytes += len(one)
        if len(some) == most or n_bytes >= MOST_BYTES or waiting.empty():
            return some, None
        one = waiting.get_nowait()
    return some, one
