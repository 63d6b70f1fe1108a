"""How far back a view looks: an event older than all windows of its entity changes nothing there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from features.plan import ViewPlan
from features.windows import window_start_us


class Reach:
    """The windows of a view, as one question: whether an event can still count.

    Parameters
    ----------
    view
        Whose windows.

    Attributes
    ----------
    longest_us
        An event at most this far behind the newest of its entity is in some window; None where a feature counts since
        ever, so that every event is.

    Examples
    --------
    >>> from features.plan import AggregatePlan, EntityKeyPlan
    >>> reach = Reach(ViewPlan(name="v", topic="t", ttl_us=0, hash="0" * 16,
    ...     keys=(EntityKeyPlan(name="who", type="string"),),
    ...     features=(AggregatePlan(name="n", function="count", column="at", window_us=10, hop_us=4),)))
    >>> reach.longest_us, reach.start_us(25), reach.count_too_late(None, [25, 12, 11, 40, 25])
    (10, 12, 2)

    """

    def __init__(self, view: ViewPlan) -> None:
        spans = {(feature.window_us, feature.hop_us) for feature in view.features}
        self._spans = [(length, hop) for length, hop in spans if length is not None and hop is not None]
        self.longest_us = max(length for length, _ in self._spans) if len(self._spans) == len(spans) else None

    def starts_us(self, seen_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """First instants that some window covers, for a column of instants.

        Parameters
        ----------
        seen_us
            Instants that windows end at.

        Returns
        -------
        numpy.ndarray
            As `start_us` gives them.

        """
        starts = [(seen_us - length_us) // hop_us * hop_us for length_us, hop_us in self._spans]
        earliest: npt.NDArray[np.int64] = np.min(starts, axis=0)
        return earliest

    def start_us(self, newest_us: int) -> int:
        """First instant that some window covers, seen at an entity's newest event.

        Parameters
        ----------
        newest_us
            Event time of that event.

        Returns
        -------
        int
            Microseconds. Meant for views in which no feature counts since ever.

        """
        return min(window_start_us(newest_us, length_us, hop_us) for length_us, hop_us in self._spans)

    def count_too_late(self, newest_us: int | None, event_us: Iterable[int]) -> int:
        """How many of an entity's events are older than all windows when they are applied.

        An event is held against the newest of those applied before it. So the count depends on the order in which
        events come, which is what lateness is, and not on how they are cut into batches.

        Parameters
        ----------
        newest_us
            Newest event time that was applied before them; None: they are the first.
        event_us
            Event times in the order in which they are applied.

        Returns
        -------
        int
            0 where a feature counts since ever.

        """
        if self.longest_us is None:
            return 0
        too_late = 0
        for at_us in event_us:
            if newest_us is None or at_us > newest_us:
                newest_us = at_us
            elif at_us < newest_us - self.longest_us and at_us < self.start_us(newest_us):
                too_late += 1
        return too_late
