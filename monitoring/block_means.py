"""Means of blocks of consecutive values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class BlockMeans:
    """Cuts a stream into blocks and hands out the mean of each full one.

    A change detector that assumes independent values is fed these: within a block neighbours may resemble one another
    as much as they like, and a mean of fifty is near enough to normal whatever the values are.

    Parameters
    ----------
    size
        Values a block.

    Examples
    --------
    >>> means = BlockMeans(size=2)
    >>> means.update(np.array([1.0, 3.0, 10.0]))
    >>> means.full
    [2.0]
    >>> means.update(np.array([20.0]))
    >>> means.full
    [15.0]

    References
    ----------
    "Batch means": G. S. Fishman, "Grouping observations in digital simulation", Management Science 24 (1978) 510–521.

    """

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._rest: Floats = np.empty(0)
        self._full: list[float] = []

    def update(self, values: Floats) -> None:
        """Take more of the stream; what does not fill a block waits for the next call.

        Parameters
        ----------
        values
            In order, without NaN.

        """
        stream = np.concatenate((self._rest, values))
        n_full = len(stream) // self._size
        cut = n_full * self._size
        self._rest = stream[cut:]
        self._full = [float(mean) for mean in stream[:cut].reshape(n_full, self._size).mean(axis=1)]

    @property
    def full(self) -> list[float]:
        """Means of the blocks that the last update filled."""
        return self._full
