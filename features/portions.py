"""A history, cut into portions of whole entities: what bounds memory, keeps columns in a cache, and fills the cores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.range_merge import Int64s

ROWS = 2**19
"""Events and observations of a portion, at most: most have half of that, a column of which stays in a cache."""

Rows = npt.NDArray[np.intp]


class Portion(NamedTuple):
    """Some entities: the rows of their events, and the numbers of their observations, both ascending."""

    events: Rows
    observations: Rows

    def rounds(self, rows: int) -> Iterator[Rows]:
        """The observations, so many at a time that working through the events anew each time costs no more than they.

        Examples
        --------
        >>> [len(some) for some in Portion(np.arange(4), np.arange(10)).rounds(3)]
        [4, 4, 2]

        """
        size = max(rows, len(self.events))
        for begin in range(0, len(self.observations), size):
            yield self.observations[begin : begin + size]


def portions(events: Int64s, observations: Int64s, rows: int) -> list[Portion]:
    """Cut events and observations alike.

    Parameters
    ----------
    events, observations
        Number of the entity of each, from -1 (no entity) on.
    rows
        How many events and observations a portion may have; one of a single entity may have more.

    Returns
    -------
    list of Portion
        Those that have observations. Memory and time grow with the rows, not with the entities of each.

    Examples
    --------
    >>> cut = portions(np.array([1, 0, 1, 2, 1]), np.array([1, 2, 0, -1]), rows=8)
    >>> [(part.events.tolist(), part.observations.tolist()) for part in cut]
    [([1], [2, 3]), ([0, 2, 4], [0]), ([3], [1])]

    """
    n_entities = 2 + int(max(events.max(initial=-1), observations.max(initial=-1)))
    weights = np.bincount(events + 1, minlength=n_entities) + np.bincount(observations + 1, minlength=n_entities)
    numbers = _numbers(weights, rows)
    n = int(numbers[-1]) + 1
    cut_events, cut_observations = _split(numbers[events + 1], n), _split(numbers[observations + 1], n)
    return [Portion(*pair) for pair in zip(cut_events, cut_observations, strict=True) if len(pair[1])]


def _numbers(weights: Int64s, rows: int) -> npt.NDArray[np.unsignedinteger]:
    """The portion of each entity: a new one where the last is half full, and around each that fills half of one."""
    numbers = (np.cumsum(weights) - 1) // max(rows // 2, 1)
    heavy = weights * 2 > rows
    fresh = np.zeros(len(weights), np.bool_)
    fresh[1:] = (numbers[1:] != numbers[:-1]) | heavy[1:] | heavy[:-1]
    dense = np.cumsum(fresh)
    return dense.astype(np.min_scalar_type(int(dense[-1])))  # of 16 bits numpy sorts in one pass


def _split(numbers: npt.NDArray[np.unsignedinteger], n: int) -> list[Rows]:
    """Rows of each number."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(numbers, minlength=n))[:-1])
