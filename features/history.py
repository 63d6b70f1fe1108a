"""The events of one view, sorted by entity and time, so that a window of an entity is a range of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.aggregates import IDENTITY, Accumulator
from features.lake import declared_name
from features.plan import NUMERIC, SourcePlan, ViewPlan
from features.quantise import quantise
from features.range_merge import Int64s, Ranges

UNKNOWN = -1
"""Code of an entity without events; newest event time where there is none."""


class History:
    """Sorted events of a view.

    Parameters
    ----------
    view, source
        The view and the source that feeds it.
    events
        As `Lake.read` gives them: valid, each once, ordered by (log, partition, offset), which is the order of ties.
        Rows in which a key is null are events of no entity and left out.

    """

    def __init__(self, view: ViewPlan, source: SourcePlan, events: pa.Table) -> None:
        self._source = source
        columns = [events.column(declared_name(key.name)) for key in view.keys]
        self._known = [_distinct(column) for column in columns]
        self._combinations: list[Int64s] = []
        codes = self._learn(columns)
        event_us = events.column("event_us").to_numpy()
        order = np.lexsort((event_us, codes))
        self._order = order[np.searchsorted(codes[order], 0) :]
        self._events = events
        self._event_us: Int64s = event_us[self._order]
        self._instants, ranks = np.unique(self._event_us, return_inverse=True)
        self._places: Int64s = codes[self._order] * self._stride + ranks

    def codes(self, keys: Mapping[str, npt.NDArray[Any]]) -> Int64s:
        """Entities of observations, by number; UNKNOWN for those without events. ``keys`` in the view's order."""
        columns = []
        for name, known in zip(keys, self._known, strict=True):
            column = pa.chunked_array([pa.array(keys[name], from_pandas=True)])
            if column.type != known.type:
                column = column.cast(known.type)
            columns.append(column)
        codes = None
        for column, known, combinations in zip(columns, self._known, self._combinations, strict=True):
            codes = _positions(combinations, _combined(codes, column, known))
        assert codes is not None, "a view has at least one key"
        return codes

    def _learn(self, columns: list[pa.ChunkedArray[Any]]) -> Int64s:
        """Entities of the events, by number. Key after key, the combinations that occur are numbered densely anew."""
        codes = None
        for column, known in zip(columns, self._known, strict=True):
            combined = _combined(codes, column, known)
            self._combinations.append(np.unique(combined[combined != UNKNOWN]))
            codes = _positions(self._combinations[-1], combined)
        assert codes is not None, "a view has at least one key"
        return codes

    def before(self, codes: Int64s, at_us: Int64s) -> Int64s:
        """Row of each entity's first event at or after an instant: where a range strictly before it ends."""
        ranks = np.searchsorted(self._instants, at_us)
        return np.searchsorted(self._places, codes * self._stride + ranks)

    def ranges_before(self, codes: Int64s, at_us: Int64s, since_us: Int64s | None) -> Ranges:
        """Events of each entity from ``since_us`` (None: ever) up to, and without, ``at_us``."""
        high = self.before(codes, at_us)
        low = np.searchsorted(self._places, codes * self._stride) if since_us is None else self.before(codes, since_us)
        return Ranges(np.minimum(low, high), high)

    def newest_us(self, ever: Ranges) -> Int64s:
        """Time of the last event of each range; UNKNOWN where it is empty."""
        padded = np.append(self._event_us, UNKNOWN)
        return np.where(ever.high > ever.low, padded[ever.high - 1], UNKNOWN)

    def lifted(self, accumulator: Accumulator) -> Int64s:
        """What each event contributes to an accumulator; the identity where its column is null."""
        column = self._source.column(accumulator.column)
        stored = self._events.column(declared_name(column.name))
        present: npt.NDArray[np.bool_] = pc.is_valid(stored).to_numpy()
        if pa.types.is_floating(stored.type):
            numbers = stored.to_numpy()
            present &= ~np.isnan(numbers)
        if accumulator.lift == "one":
            return present[self._order].astype(np.int64)
        if accumulator.lift == "time":
            lifted: Int64s = np.where(present[self._order], self._event_us, IDENTITY[accumulator.monoid])
            return lifted
        if column.type not in NUMERIC:
            raise ValueError(f"column {column.name} holds {column.type}, which has no value to merge")
        scale = column.decimals or 0
        if pa.types.is_floating(stored.type):
            quantised = quantise(np.where(present, numbers, 0.0), scale).astype(np.int64)
        else:
            quantised = stored.fill_null(pa.scalar(0, stored.type)).to_numpy() * 10**scale
        values: Int64s = np.where(present, quantised, IDENTITY[accumulator.monoid])[self._order]
        return values

    @property
    def _stride(self) -> int:
        """Distance of two entities in the one ascending order of (entity, instant)."""
        return len(self._instants) + 1


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
