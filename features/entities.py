"""The entities of a view's events, by number, so that columns of integers stand for keys of any type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.lake import declared_name
from features.plan import ViewPlan
from features.range_merge import Int64s

UNKNOWN = -1
"""Number of an entity without events, and of one of whose keys is null."""


class Entities:
    """Numbers the entities that a table of events names, from 0 on, in no order that means anything.

    Key after key, the combinations that occur are numbered densely anew, so that no number of keys overflows.

    Parameters
    ----------
    view
        Whose join keys tell entities apart.
    events
        Rows of the lake.

    Attributes
    ----------
    of_rows
        The entity of each event.

    """

    def __init__(self, view: ViewPlan, events: pa.Table) -> None:
        columns = [events.column(declared_name(key.name)) for key in view.keys]
        self._known = [_distinct(column) for column in columns]
        self._combinations: list[Int64s] = []
        codes: Int64s | None = None
        for column, known in zip(columns, self._known, strict=True):
            combined = _combined(codes, column, known)
            if codes is None:
                self._combinations.append(np.arange(len(known)))
                codes = combined
            else:
                self._combinations.append(np.unique(combined[combined != UNKNOWN]))
                codes = _positions(self._combinations[-1], combined)
        assert codes is not None, "a view has at least one key"
        self.of_rows: Int64s = codes

    def codes(self, keys: Mapping[str, npt.NDArray[Any]]) -> Int64s:
        """Entities of observations; `UNKNOWN` for those without events. ``keys`` in the view's order."""
        codes: Int64s | None = None
        for name, known, combinations in zip(keys, self._known, self._combinations, strict=True):
            column = pa.chunked_array([pa.array(keys[name], from_pandas=True)])
            if column.type != known.type:
                column = column.cast(known.type)
            combined = _combined(codes, column, known)
            codes = combined if codes is None else _positions(combinations, combined)
        assert codes is not None, "a view has at least one key"
        return codes


def _distinct(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    values: pa.Array[Any] = column.drop_null().unique()  # type: ignore[assignment]  # the stubs promise chunks
    return values


def _combined(codes: Int64s | None, column: pa.ChunkedArray[Any], known: pa.Array[Any]) -> Int64s:
    """One number for each pair of a code and a key; UNKNOWN where the key is null, or either is not known."""
    found: Int64s = pc.index_in(column, value_set=known).fill_null(UNKNOWN).to_numpy().astype(np.int64)
    if codes is None:
        return found
    both = (codes != UNKNOWN) & (found != UNKNOWN)
    return np.where(both, codes * max(len(known), 1) + found, UNKNOWN)


def _positions(ascending: Int64s, wanted: Int64s) -> Int64s:
    """Where each number stands in an ascending array; UNKNOWN where it does not."""
    if not len(ascending):
        return np.full(len(wanted), UNKNOWN)
    at = np.searchsorted(ascending, wanted)
    at[at == len(ascending)] = 0
    return np.where(ascending[at] == wanted, at, UNKNOWN)
