"""The streams of a connection that were closed last, and whether by us: what still comes for them is judged by that."""

from __future__ import annotations

from typing import Final

REMEMBERED: Final = 512


class ClosedStreams:
    """Remembers the last streams only; those before are not told from such as were never opened."""

    __slots__ = ("_cut",)

    def __init__(self) -> None:
        self._cut: dict[int, bool] = {}

    def add(self, stream_id: int, *, is_cut: bool) -> None:
        """A stream was closed; ``is_cut`` where the peer may not know yet that nothing is wanted of it any more."""
        cut = self._cut
        cut[stream_id] = is_cut
        if len(cut) > REMEMBERED:
            del cut[next(iter(cut))]

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._cut

    def is_cut(self, stream_id: int) -> bool:
        """Whether what comes for it was perhaps sent before the peer knew."""
        return self._cut.get(stream_id, False)
