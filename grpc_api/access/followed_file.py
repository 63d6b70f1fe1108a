"""A file that is read again once it was replaced, so that what it holds changes without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from features.errors import SettingsError

logger: Final = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_S: Final = 1.0
"""Time between two looks, which are made by whoever asks."""


class FollowedFile(Generic[T]):
    """What a file holds, as ``parse`` understands it.

    A file that is missing or wrong at first is a SettingsError under the name of its setting; later it is logged once,
    and what was read last goes on.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], T],
        *,
        setting: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._parse = parse
        self._setting = setting
        self._monotonic = monotonic
        self._identity = self._identify()
        self._value = self._read()
        self._look_at_s = monotonic() + LOOK_S

    def value(self) -> T:
        """What it holds; a second old at most."""
        now_s = self._monotonic()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look()
        return self._value

    def _look(self) -> None:
        try:
            identity = self._identify()
            if identity == self._identity:
                return
            self._identity = identity
            self._value = self._read()
        except SettingsError as error:
            logger.error("file_not_taken_up", setting=self._setting, problem=str(error))
            return
        logger.info("file_taken_up", setting=self._setting, path=str(self._path))

    def _identify(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise self._error(error) from error
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _read(self) -> T:
        try:
            data = self._path.read_bytes()
        except OSError as error:
            raise self._error(error) from error
        return self._parse(data)

    def _error(self, error: OSError) -> SettingsError:
        return SettingsError(self._setting, f"{self._path} cannot be read ({error.strerror})", "name a readable file")
