"""From entity keys to stored states: the way to the store that all calls of a loop share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from features.errors import StoreUnavailableError
from features.feast_layout import state_field
from features.nouns import KeyValue
from features.plan import ViewPlan
from features.store import StoreReader
from grpc_api.births import Births, BirthWatch
from grpc_api.entity import EntityKeys

LOST_S: Final = 0.1
"""A connection that was lost says so at once."""


class Fetched(NamedTuple):
    """What the store gave for some rows: per row, the bytes of each view's state (None: unknown entity).

    A row is None where it was not read.
    """

    births: Births
    rows: Sequence[Sequence[bytes | None] | None]


class Fetcher:
    """Reads states over one connection, which all calls share: what they ask for in one turn of the loop is one write.

    A connection that fails is dropped, with all reads in flight. A read that failed at once is repeated on a new one,
    which looks at the certificate first.
    """

    def __init__(self, *, open_reader: Callable[[], StoreReader], watch: BirthWatch) -> None:
        self._open_reader = open_reader
        self._watch = watch
        self._reader: StoreReader | None = None
        self._opening: asyncio.Task[_Opened] | None = None

    async def close(self) -> None:
        """Close the connection; calls in flight fail."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._reader is not None:
            await self._drop(self._reader)

    async def fetch(
        self, views: Sequence[ViewPlan], keys: EntityKeys, entities: Sequence[Mapping[str, KeyValue]]
    ) -> Fetched:
        """States of all views for all entities, in one round trip.

        Raises NotServingError when a view may not be read, StoreUnavailableError when the store does not answer.
        """
        if not views:  # of features of the request alone
            return Fetched(self._watch.births, [[] for _ in entities])
        births, found = await self._read(views, keys.store_keys(entities))
        return Fetched(births, keys.by_view(found))

    async def _read(self, views: Sequence[ViewPlan], keys: Sequence[bytes]) -> tuple[Births, list[list[bytes | None]]]:
        reader = self._reader
        if reader is not None:
            births, begin_s = self._watch.births, time.monotonic()
            try:
                return births, await reader.read_fields(keys, state_fields(views, births))
            except StoreUnavailableError:
                await self._drop(reader)
                if time.monotonic() - begin_s > LOST_S:
                    raise  # the store hangs: asking once more would only double the wait
        self._watch.check()
        opened = await self._open()
        return opened.births, await opened.reader.read_fields(keys, state_fields(views, opened.births))

    async def _open(self) -> _Opened:
        """A new connection, the same for all who want one now: that one of them goes away is nothing to the others."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open_anew())
        return await asyncio.shield(self._opening)

    async def _open_anew(self) -> _Opened:
        reader = self._open_reader()
        try:
            await reader.connect()
            births = await self._watch.read(reader)
        except BaseException:
            await reader.close()
            raise
        self._reader = reader
        return _Opened(reader, births)

    async def _drop(self, reader: StoreReader) -> None:
        if self._reader is reader:
            self._reader = None
        await reader.close()


class _Opened(NamedTuple):
    """A connection, and which births it saw when it was made."""

    reader: StoreReader
    births: Births


def state_fields(views: Sequence[ViewPlan], births: Births) -> list[bytes]:
    """The hash field of each view's state; NotServingError when one may not be read."""
    return [state_field(view.name, births.birth(view)) for view in views]
