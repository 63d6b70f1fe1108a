"""Which events an observation sees: all that lie before it, or those alone that had arrived by then.

As true, an observation at t sees every event with an event time before t. As known, it sees what a scorer could have
seen: the state that is the fold of the events with a Kafka timestamp before t, finished at the greater of t and the
newest event time among them, as the scorer finishes it. So an event that came late is missing from the features of the
time before it came, and one from a clock that runs ahead is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.history import History
from features.nouns import Knowledge
from features.range_merge import Int64s, Ranges
from features.reach import Reach

ROWS = 2**20
"""Events that are copied at a time for observations whose known events have gaps; at least those of one observation."""


class Sight(NamedTuple):
    """Some observations, each with the rows of a history that it sees: none from ``ends`` on.

    ``which`` are the numbers of the observations, ``seen_us`` the instants that their windows end at.
    """

    history: History
    which: npt.NDArray[np.intp]
    codes: Int64s
    seen_us: Int64s
    ends: Int64s

    def rows(self, starts_us: Iterable[Int64s | None]) -> list[Ranges]:
        """Rows that lie from each of some instants (None: ever) up to, and without, ``seen_us``."""
        before = partial(self.history.before, self.codes)
        high = np.minimum(before(self.seen_us), self.ends)
        ever = self.history.starts(self.codes)
        return [Ranges(np.minimum(ever if since is None else before(since), high), high) for since in starts_us]

    def newest_us(self) -> Int64s:
        """Newest event time that each observation knows of; `features.entities.UNKNOWN` where there is none."""
        return self.history.newest_us(Ranges(self.history.starts(self.codes), self.ends))


def sights(history: History, codes: Int64s, at_us: Int64s, knowledge: Knowledge, reach: Reach) -> Iterator[Sight]:
    """Put observations before the events that they see; those that stand behind one another look at the same events.

    Parameters
    ----------
    history
        Events of the view.
    codes, at_us
        Entity and instant of each observation.
    knowledge
        What counts.
    reach
        How far back the view looks.

    Yields
    ------
    Sight
        Every observation in one of them.

    """
    order = np.lexsort((at_us, codes))
    codes, at_us = codes[order], at_us[order].astype(np.int64)
    if knowledge == "as_true":
        yield Sight(history, order, codes, at_us, history.before(codes, at_us))
        return
    arrivals = _Arrivals(history)
    known = arrivals.known(codes, at_us)
    sight = Sight(history, order, codes, np.maximum(at_us, known.newest_us), known.ends)
    whole = known.ends <= known.unbroken
    yield _part(sight, np.flatnonzero(whole))
    broken = np.flatnonzero(~whole)
    if not len(broken):
        return
    begins = history.starts(codes)
    if reach.longest_us is not None:  # the newest known event stays, for it says that the entity is known
        (within,) = sight.rows([reach.starts_us(sight.seen_us)])
        begins = np.maximum(begins, np.minimum(within.low, known.ends - 1))
    lengths = (known.ends - begins)[broken]
    for part in np.split(broken, np.flatnonzero(np.diff(np.cumsum(lengths) // ROWS)) + 1):
        yield arrivals.without_gaps(_part(sight, part), begins[part], at_us[part])


def _part(sight: Sight, at: npt.NDArray[np.intp]) -> Sight:
    return Sight(sight.history, *(column[at] for column in sight[1:]))


class _Known(NamedTuple):
    """Per observation: the row behind the last known one, the first unknown row, and the newest known event time."""

    ends: Int64s
    unbroken: Int64s
    newest_us: Int64s


class _Arrivals:
    """When the events of a history were in Kafka. Ranks of arrival stand for Kafka timestamps."""

    def __init__(self, history: History) -> None:
        self._history = history
        kafka_us = history.column("kafka_us")
        self._sorted_us: Int64s = np.sort(kafka_us)
        self._rank: Int64s = np.searchsorted(self._sorted_us, kafka_us)
        keyed = history.row_codes() * self._stride + self._rank  # one ascending order of (entity, arrival)
        self._latest: Int64s = np.maximum.accumulate(keyed)
        self._earliest: Int64s = np.minimum.accumulate(keyed[::-1])[::-1]

    def known(self, codes: Int64s, at_us: Int64s) -> _Known:
        """What had arrived of each observation's entity, strictly before its instant."""
        keyed = codes * self._stride + self._ranks(at_us)
        ends = np.searchsorted(self._earliest, keyed)  # from there on all came later
        unbroken = np.searchsorted(self._latest, keyed)  # up to there all came before
        newest_us = self._history.newest_us(Ranges(self._history.starts(codes), ends))
        return _Known(ends, unbroken, newest_us)

    def without_gaps(self, sight: Sight, begins: Int64s, at_us: Int64s) -> Sight:
        """The same observations before a history in which each has the rows that it knows, and no others."""
        lengths = sight.ends - begins
        n = len(lengths)
        before = np.cumsum(lengths) - lengths
        of = np.repeat(np.arange(n), lengths)
        rows = np.arange(int(lengths.sum())) + np.repeat(begins - before, lengths)
        known = self._rank[rows] < self._ranks(at_us)[of]
        rows, of = rows[known], of[known]
        ends = np.cumsum(np.bincount(of, minlength=n))
        return Sight(self._history.copied(rows, of), sight.which, np.arange(n), sight.seen_us, ends)

    def _ranks(self, at_us: Int64s) -> Int64s:
        """How many events came before each instant."""
        ranks: Int64s = np.searchsorted(self._sorted_us, at_us)
        return ranks

    @property
    def _stride(self) -> int:
        return len(self._sorted_us) + 1
