"""Whose turn it is on the loop: scores are computed in slices, and between two the loop reads its sockets.

Scoring waits for nobody, so without turns the scores of one tick's replies would follow each other, and a request
that came meanwhile would not even be refused before the last was done. A slice ends with the score that fills it;
whoever comes then waits for a later tick, first come first served: a call was let in because of the few ahead of it,
and a later one must not make that untrue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

SLICE_S: Final = 0.002
"""Time for scores in one tick; a longer score has a tick to itself."""

_WEIGHT: Final = 1 / 16


class Turns:
    """Of the loop's own thread.

    A caller goes ahead where `free` says so, or once `wait` has returned, and says afterwards how long it took::

        if not turns.free:
            await turns.wait()
        begin_s = time.perf_counter()
        ...
        turns.spent(time.perf_counter() - begin_s)

    Attributes
    ----------
    free
        Whether this tick has time left, and nobody waits.
    turn_s
        What a turn takes, on average over the last dozens.
    waiting
        Those whose turn it is not yet.

    """

    def __init__(self, *, slice_s: float = SLICE_S) -> None:
        self.free = True
        self.turn_s = 0.0
        self._slice_s = self._left_s = slice_s
        self.waiting: deque[asyncio.Future[None]] = deque()
        self._ticking = False

    def spent(self, seconds: float) -> None:
        """A turn has ended."""
        self.turn_s += (seconds - self.turn_s) * _WEIGHT if self.turn_s else seconds
        self._left_s -= seconds
        if self._left_s <= 0:
            self.free = False
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_soon(self._tick)

    async def wait(self) -> None:
        """Return when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self.waiting.append(mine)
        self.free = False
        if not self._ticking:
            self._ticking = True
            loop.call_soon(self._tick)
        await mine

    def _tick(self) -> None:
        """A new slice: those who have waited longest get it, as many as are likely to fill it."""
        self._left_s = self._slice_s
        n_likely = max(1, int(self._slice_s / self.turn_s)) if self.turn_s else 1
        n_woken = 0
        while self.waiting and n_woken < n_likely:
            next_one = self.waiting.popleft()
            if not next_one.done():  # it is when its caller has gone
                next_one.set_result(None)
                n_woken += 1
        self._ticking = n_woken > 0
        if self._ticking:  # they run before the next tick, and this one's slice is theirs
            asyncio.get_running_loop().call_soon(self._tick)
        else:
            self.free = True
