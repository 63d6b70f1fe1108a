"""A file that is read again once it was replaced, so that what it holds changes without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from features.errors import SettingsError
from grpc_api.file_stamp import FileStamp, stamp_of

logger: Final = structlog.get_logger(__name__)

T = TypeVar("T")

LOOK_S: Final = 1.0
"""Time between two looks, which are made by whoever asks."""


class FollowedFile(Generic[T]):
    """What a file holds, as ``parse`` understands it.

    A file that is missing or wrong at first is a SettingsError under the name of its setting. Later it is read again at
    each look until it can be used; what is wrong with it is logged once, and what was read last goes on.
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
        self._stamp, self._value = self._read()
        self._problem: str | None = None
        self._look_at_s = monotonic() + LOOK_S

    def value(self) -> T:
        """What it holds; a second old at most."""
        now_s = self._monotonic()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look()
        return self._value

    def _look(self) -> None:
        if self._problem is None and self._is_as_read():
            return
        try:
            self._stamp, self._value = self._read()
        except SettingsError as error:
            if str(error) != self._problem:
                logger.error("file_not_taken_up", setting=self._setting, problem=str(error))
            self._problem = str(error)
        else:
            self._problem = None
            logger.info("file_taken_up", setting=self._setting, path=str(self._path))

    def _is_as_read(self) -> bool:
        try:
            return stamp_of(self._path) == self._stamp
        except OSError:
            return False

    def _read(self) -> tuple[FileStamp, T]:
        """The stamp is that of before: what is written while the file is read is seen the next time."""
        try:
            stamp, data = stamp_of(self._path), self._path.read_bytes()
        except OSError as error:
            problem = f"{self._path} cannot be read ({error.strerror})"
            raise SettingsError(self._setting, problem, "name a readable file") from error
        return stamp, self._parse(data)
