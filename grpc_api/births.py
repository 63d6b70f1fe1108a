"""Which life of each view may be read: the store's certificate, read again each second.

A view whose birth is not certified on every shard, does not serve, or was born of another declaration is not read:
a flushed store is not a store of new customers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import structlog

from features.errors import NotServingError, StoreUnavailableError, UnavailableError
from features.plan import ViewPlan
from features.store import Birth, Certificate, StoreReader

logger: Final = structlog.get_logger(__name__)


class Births:
    """The births that may be read, by view and declaration: one consistent look at the certificate."""

    def __init__(self, births: Mapping[tuple[str, str], Birth] = MappingProxyType({})) -> None:
        self._births = births

    @classmethod
    def of(cls, certificate: Certificate) -> Births:
        """Those of a certificate that serve."""
        return cls({(birth.view, birth.view_hash): birth for birth in certificate.births if birth.serving})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Births) and dict(self._births) == dict(other._births)

    __hash__ = None  # type: ignore[assignment]  # compared, never a key

    def birth(self, view: ViewPlan) -> str:
        """Id of the view's birth; NotServingError when it may not be read."""
        birth = self._births.get((view.name, view.hash))
        if birth is None:
            raise NotServingError(
                f"view {view.name}", f"the store does not certify that its states of declaration {view.hash} serve"
            )
        return birth.id

    def serve(self, view: ViewPlan) -> bool:
        """Whether the view may be read."""
        return (view.name, view.hash) in self._births


class BirthWatch:
    """Keeps `births` as the store's certificate has them.

    Parameters
    ----------
    open_reader
        Makes a connection of the watch's own.
    on_change
        Told whenever the births that may be read have changed.
    interval_s
        Time between two looks.

    """

    def __init__(
        self,
        *,
        open_reader: Callable[[], StoreReader],
        on_change: Callable[[], None] = lambda: None,
        interval_s: float = 1.0,
    ) -> None:
        self._open_reader = open_reader
        self._on_change = on_change
        self._interval_s = interval_s
        self._births = Births()
        self._problem: UnavailableError | None = None
        self._reader: StoreReader | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def births(self) -> Births:
        """The births that may be read now."""
        return self._births

    def check(self) -> None:
        """Raise StoreUnavailableError while the last look found no store: nobody else need wait to find the same."""
        if self._problem is not None:
            raise StoreUnavailableError(self._problem.neighbour, self._problem.problem)

    async def read(self, reader: StoreReader) -> Births:
        """Look at the certificate through this connection; StoreUnavailableError when it is cut off.

        Each new connection does this before its first read, because the store behind it may be another one.
        """
        births = Births.of(await reader.read_certificate())
        self._problem = None
        self._set(births)
        return births

    async def read_anew(self) -> None:
        """Look at the certificate at once, beside the rest; where it cannot be seen, the next look will find out."""
        reader = self._open_reader()
        try:
            await reader.connect()
            await self.read(reader)
        except UnavailableError as error:
            logger.warning("certificate_not_readable", problem=str(error))
        finally:
            await reader.close()

    async def start(self) -> None:
        """Look once, then keep looking."""
        await self.look()
        self._looking = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """Look no more, and close the connection."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._drop_reader()

    async def look(self) -> None:
        """Look at the certificate once; nothing may be read while it cannot be seen."""
        try:
            if self._reader is not None:
                try:
                    await self.read(self._reader)
                    return
                except UnavailableError:  # perhaps the connection alone is gone, not the store
                    await self._drop_reader()
            self._reader = self._open_reader()
            await self._reader.connect()
            await self.read(self._reader)
        except UnavailableError as error:
            logger.warning("certificate_not_readable", problem=str(error))
            self._problem = error
            await self._lose()
        except Exception:
            logger.exception("certificate_not_understood")
            await self._lose()

    async def _lose(self) -> None:
        self._set(Births())
        await self._drop_reader()

    async def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    def _set(self, births: Births) -> None:
        changed, self._births = births != self._births, births
        if changed:
            self._on_change()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()
