"""A window of a stream: as many records as the tests take, drawn evenly from those that passed."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitoring.drift_report import Span


class Row(NamedTuple):
    """What the watcher keeps of a score record.

    Parameters
    ----------
    partition, offset
        Where it stands in ``millstream.scores``.
    as_of_us
        Event time of the score.
    values
        The model's input, NaN for null, and the score.

    """

    partition: int
    offset: int
    as_of_us: int
    values: tuple[float, ...]


class SampleWindow:
    """Collects rows until full, and goes on sampling while a batch that filled it lasts.

    A batch (thousands of scores as of one instant) has no order in time, only its caller's: mostly by key, so that
    consecutive rows resemble one another and a slice of a batch looks like drift. So a full window stays open while
    records of the instant that filled it keep coming, and holds a uniform sample of all that passed.

    Parameters
    ----------
    capacity
        Rows kept.
    patience
        A full window is complete after this many rows in a row of other instants than the one that filled it.
    random
        Source of the sample.

    Examples
    --------
    >>> window = SampleWindow(capacity=2, patience=1, random=Random(0))
    >>> for offset, as_of_us in enumerate([7, 7, 7]):
    ...     window.add(Row(0, offset, as_of_us, (1.0,)))
    >>> window.complete, len(window), window.seen
    (False, 2, 3)
    >>> window.add(Row(0, 3, 8, (1.0,)))
    >>> window.complete
    True

    References
    ----------
    J. S. Vitter, "Random sampling with a reservoir", ACM Transactions on Mathematical Software 11 (1985) 37–57,
    algorithm R.

    """

    def __init__(self, *, capacity: int, patience: int = 64, random: Random) -> None:
        self._capacity = capacity
        self._patience = patience
        self._random = random
        self._rows: list[tuple[float, ...]] = []
        self._filled_at_us: int | None = None
        self._others_in_a_row = 0
        self._first_as_of_us = 0
        self._last_as_of_us = 0
        self.seen = 0
        self.first_offsets: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        """Whether the tests have all the rows that they take."""
        return len(self._rows) >= self._capacity

    @property
    def complete(self) -> bool:
        """Whether it is full and the batch that filled it has passed."""
        return self.full and self._others_in_a_row >= self._patience

    def add(self, row: Row) -> None:
        """Take a row, or let it take the place of another.

        Parameters
        ----------
        row
            The next record of this model version.

        """
        as_of_us = row.as_of_us
        self._first_as_of_us = min(as_of_us, self._first_as_of_us) if self.seen else as_of_us
        self._last_as_of_us = max(as_of_us, self._last_as_of_us) if self.seen else as_of_us
        self.first_offsets.setdefault(row.partition, row.offset)
        self.seen += 1
        if not self.full:
            self._rows.append(row.values)
            self._filled_at_us = as_of_us
            return
        self._others_in_a_row = 0 if as_of_us == self._filled_at_us else self._others_in_a_row + 1
        place = self._random.randrange(self.seen)
        if place < self._capacity:
            self._rows[place] = row.values

    def to_rows(self) -> npt.NDArray[np.float64]:
        """The sample, in random order: within a window the order is the callers', not that of time.

        Returns
        -------
        numpy.ndarray
            One row a record, NaN for null.

        """
        rows = list(self._rows)
        self._random.shuffle(rows)
        return np.array(rows, dtype=np.float64)

    def span(self, index: int) -> Span:
        """What the window covers.

        Parameters
        ----------
        index
            Its number.

        Returns
        -------
        Span
            For reports.

        """
        return Span(
            index=index,
            rows=len(self._rows),
            seen=self.seen,
            first_as_of_us=self._first_as_of_us,
            last_as_of_us=self._last_as_of_us,
        )
