"""How far the lake reaches: which score records it covers already, and which look back on what it has dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from features.lake import Lake
from features.nouns import ScoreRecord
from features.plan import Plan, ViewPlan

EVER_US: Final = 2**62
"""How far a feature since ever looks back."""


class Dropping(Protocol):
    """The part of the lake that tells what it no longer has."""

    def dropped_until_us(self, topic: str) -> int | None:
        """Newest time among the records of a topic that were dropped; None where none were."""
        ...


class LakeEnds:
    """Knows which positions the lake covers; looks at each partition once."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._ends: dict[tuple[str, str, int], int] = {}

    def cover(self, record: ScoreRecord, plan: Plan) -> bool:
        """Whether all positions of the record lie below the lake's end; those of a view that is gone need not."""
        topics = {view.name: view.topics for view in plan.views}
        return all(
            self.end(topics[reading.view], log, partition) > offset
            for reading in record.views
            if reading.view in topics
            for log, partition, offset in reading.positions
        )

    def end(self, topics: Iterable[str], log: str, partition: int) -> int:
        """Where the lake ends in a partition of one of these topics; 0 where it holds nothing of it."""
        return max(self._end(topic, log, partition) for topic in topics)

    def _end(self, topic: str, log: str, partition: int) -> int:
        key = (topic, log, partition)
        if key not in self._ends:
            self._ends[key] = self._lake.end(topic, log, partition) or 0
        return self._ends[key]


class Horizons:
    """Knows up to when the lake has dropped records, and how far views look back.

    Parameters
    ----------
    lake, plan
        The lake, and the views of the records.

    """

    def __init__(self, lake: Lake, plan: Plan) -> None:
        self._views = {
            view.name: (until_us, looks_back_us(view))
            for view in plan.views
            if (until_us := dropped_until_us(lake, view)) is not None
        }

    def cut_off(self, record: ScoreRecord) -> bool:
        """Whether a view of the record may have seen an event that is no longer there."""
        for reading in record.views:
            until_us, back_us = self._views.get(reading.view, (-1, 0))
            newest_us = reading.newest_us
            if newest_us is not None and min(newest_us, max(record.as_of_us, newest_us) - back_us) <= until_us:
                return True
        return False


def looks_back_us(view: ViewPlan) -> int:
    """How long before the instant that it is asked for an event can still count in a view."""
    return max(
        EVER_US if feature.window_us is None or feature.hop_us is None else feature.window_us + feature.hop_us
        for feature in view.features
    )


def dropped_until_us(lake: Dropping, view: ViewPlan) -> int | None:
    """Newest time among the records of a view's topics that the lake has dropped; None where it has dropped none."""
    found = [lake.dropped_until_us(topic) for topic in view.topics]
    return max((at_us for at_us in found if at_us is not None), default=None)


def cut_off(lake: Dropping, view: ViewPlan, at_us: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell the instants at which a view may lack an event, because the lake has dropped it.

    Parameters
    ----------
    lake, view
        The lake, and what is computed from it.
    at_us
        Instants, microseconds.

    Returns
    -------
    array of bool
        True where the view looks back on dropped records: its features are not those of the stream there.

    """
    until_us = dropped_until_us(lake, view)
    return np.zeros(len(at_us), np.bool_) if until_us is None else at_us - looks_back_us(view) <= until_us
