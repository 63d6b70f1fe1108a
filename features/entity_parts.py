"""Which part of a history an entity is in, for whoever spreads one over machines: by a hash that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.aggregates.distinct_set import stable_hash, stable_hashes
from features.entities import UNKNOWN

_PRIME = np.uint64(0x100000001B3)


def part_numbers(keys: Sequence[pa.ChunkedArray[Any]], n: int) -> npt.NDArray[np.int64]:
    """The part of each row's entity.

    Parameters
    ----------
    keys
        The columns of the join keys, texts or integers, one after the other.
    n
        How many parts there are.

    Returns
    -------
    numpy.ndarray
        From 0 to ``n - 1``, in every process the same for the same keys; -1 where a key is null.

    Examples
    --------
    >>> part_numbers([pa.chunked_array([["a", "b", None, "a"]]), pa.chunked_array([[1, 1, 1, 1]])], 5).tolist()
    [3, 0, -1, 3]

    """
    hashes = np.zeros(len(keys[0]), np.uint64)
    known = np.ones(len(keys[0]), np.bool_)
    for column in keys:
        hashes = stable_hashes((hashes * _PRIME ^ _hashes(column)).view(np.int64))
        known &= pc.is_valid(column).to_numpy()
    return np.where(known, (hashes % np.uint64(n)).astype(np.int64), UNKNOWN)


def _hashes(column: pa.ChunkedArray[Any]) -> npt.NDArray[np.uint64]:
    """Stable hashes of a column; anything where it is null."""
    if not pa.types.is_string(column.type):
        return stable_hashes(column.cast(pa.int64()).fill_null(pa.scalar(0)).to_numpy())
    distinct: pa.Array[Any] = column.unique()  # type: ignore[assignment]  # the stubs promise chunks
    texts: list[Any] = distinct.to_pylist()
    known = np.array([stable_hash(text or "") for text in texts], np.uint64)
    places: npt.NDArray[np.int64] = pc.index_in(column, value_set=distinct).to_numpy()
    return known[places.astype(np.int64)] if len(known) else np.zeros(len(column), np.uint64)
