"""Taking in what a file says: each time that it is replaced, and once a minute for as long as that fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

RETRY_S: Final = 60.0
"""What was refused is tried again after this long: the fault may have been this process' own, or have been mended."""

_Identity: TypeAlias = tuple[int, int] | None


class FileIntake:
    """One file, and what became of it when it was last taken in.

    Parameters
    ----------
    file
        Replaced atomically; it may not be there.
    take
        Takes in what it says now. Whatever it raises is a refusal, and goes no further.
    on_turn
        Told of each refusal, and, with None, of its end; not of attempts that come to the same.
    now_s
        A monotonic clock.

    Attributes
    ----------
    is_refused
        Whether the last attempt failed.

    """

    def __init__(
        self,
        file: Path,
        take: Callable[[], None],
        *,
        on_turn: Callable[[Exception | None], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_refused = False
        self._file = file
        self._take = take
        self._on_turn = on_turn
        self._now_s = now_s
        self._seen: _Identity = None
        self._is_anew = True
        self._due_s = math.inf

    def look_anew(self) -> None:
        """At the next look, take it in whether it was replaced or not."""
        self._is_anew = True

    def look(self) -> None:
        """Take it in if it was replaced since the last look, or refused a minute ago."""
        identity = _identity(self._file)
        is_other = self._is_anew or identity != self._seen
        if not is_other and self._now_s() < self._due_s:
            return
        self._seen, self._is_anew, was_refused = identity, False, self.is_refused
        try:
            self._take()
        except Exception as error:  # in whichever way it is bad, what was taken in before goes on
            self.is_refused, self._due_s = True, self._now_s() + RETRY_S
            if is_other or not was_refused:
                self._on_turn(error)
        else:
            self.is_refused, self._due_s = False, math.inf
            if was_refused:
                self._on_turn(None)


def _identity(file: Path) -> _Identity:
    """Tells one content of an atomically replaced file from the next; None where none can be seen."""
    try:
        stat = file.stat()
    except OSError:  # whether that is a refusal is for who takes it in
        return None
    return stat.st_ino, stat.st_mtime_ns
