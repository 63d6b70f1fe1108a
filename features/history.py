"""The events of one view, sorted by entity and time, so that a window of an entity is a range of rows."""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.aggregates import IDENTITY, Accumulator
from features.aggregates.distinct_set import stable_hash, stable_hashes
from features.entities import UNKNOWN
from features.lake import declared_name
from features.plan import NUMERIC, SourcePlan
from features.quantise import quantise
from features.range_merge import Int64s, Ranges, prefix_sums, squares
from features.range_weighted import Tiles


class Present(NamedTuple):
    """What the events that have a column hold in it, and how many of them stand before each event."""

    values: npt.NDArray[Any]
    before: Int64s

    def ranges(self, ranges: Ranges) -> Ranges:
        """The same ranges of events, counted among those alone."""
        return Ranges(self.before[ranges.low], self.before[ranges.high])


class History:
    """Sorted events of some entities of a view.

    Parameters
    ----------
    source
        The source that feeds the view.
    events
        As `Lake.read` gives them: valid, each once, ordered by (log, partition, offset), which is the order of ties.
    codes
        Number of each event's entity (`features.entities`); those of no entity are left out.

    """

    def __init__(self, source: SourcePlan, events: pa.Table, codes: Int64s) -> None:
        self._source = source
        event_us = events.column("event_us").to_numpy()
        order = np.lexsort((event_us, codes))
        self._order = order[np.searchsorted(codes[order], 0) :]
        self._events = events
        self._units: dict[str, Int64s] = {}
        self._event_us: Int64s = event_us[self._order]
        self._instants, ranks = np.unique(self._event_us, return_inverse=True)
        self._places: Int64s = codes[self._order] * self._stride + ranks

    def before(self, codes: Int64s, at_us: Int64s) -> Int64s:
        """Row of each entity's first event at or after an instant: where a range strictly before it ends."""
        ranks = np.searchsorted(self._instants, at_us)
        return np.searchsorted(self._places, codes * self._stride + ranks)

    def starts(self, codes: Int64s) -> Int64s:
        """First row of each entity."""
        return np.searchsorted(self._places, codes * self._stride)

    def row_codes(self) -> Int64s:
        """Entity of each row."""
        return self._places // self._stride

    def column(self, name: str) -> Int64s:
        """A column of integers of the events, by row."""
        return self._events.column(name).to_numpy()[self._order]

    def copied(self, rows: npt.NDArray[np.intp], codes: Int64s) -> History:
        """A history of other entities, made of rows of this one: ascending codes, within each its rows ascending."""
        other = copy(self)
        other._order, other._event_us = self._order[rows], self._event_us[rows]
        other._places = codes * self._stride + self._places[rows] % self._stride
        return other

    def newest_us(self, ever: Ranges) -> Int64s:
        """Time of the last event of each range; UNKNOWN where it is empty."""
        padded = np.append(self._event_us, UNKNOWN)
        return np.where(ever.high > ever.low, padded[ever.high - 1], UNKNOWN)

    def lifted(self, accumulator: Accumulator) -> Int64s:
        """What each event contributes to an accumulator of integers; the identity where its column is null."""
        present = self._present(accumulator.column)
        if accumulator.lift == "one":
            return present.astype(np.int64)
        if accumulator.lift == "time":
            times: Int64s = np.where(present, self._event_us, IDENTITY[accumulator.monoid])
            return times
        values = self._quantised(accumulator.column)
        if accumulator.lift != "value":
            low, high = squares(values)
            values = low if accumulator.lift == "square_low" else high
        lifted: Int64s = np.where(present, values, IDENTITY[accumulator.monoid])
        return lifted

    def values(self, column: str) -> Present:
        """Quantised values of the events that have the column."""
        present = self._present(column)
        return Present(self._quantised(column)[present], prefix_sums(present.astype(np.int64)))

    def hashes(self, column: str) -> Present:
        """Stable hashes of the values of the events that have the column."""
        declared, present = self._source.column(column), self._present(column)
        stored = self._stored(column)
        if declared.type == "string":
            known = stored.combine_chunks().dictionary_encode()
            texts = np.array([stable_hash(text) for text in known.dictionary.to_pylist()], np.uint64)
            hashes = texts[known.indices.to_numpy(zero_copy_only=False)[self._order][present].astype(np.int64)]
        elif declared.decimals is not None:
            hashes = stable_hashes(self._quantised(column)[present])
        elif pa.types.is_floating(stored.type):
            hashes = stable_hashes(stored.to_numpy()[self._order][present])
        else:
            whole = stored.cast(pa.int64()).fill_null(0).to_numpy()
            hashes = stable_hashes(whole[self._order][present])
        return Present(hashes, prefix_sums(present.astype(np.int64)))

    def tiles(self, hop_us: int) -> Tiles:
        """The tiles that there are, by entity and time."""
        numbers, entities = self._event_us // hop_us, self._places // self._stride
        fresh = np.ones(len(numbers), np.bool_)
        fresh[1:] = (numbers[1:] != numbers[:-1]) | (entities[1:] != entities[:-1])
        starts = np.flatnonzero(fresh)
        return Tiles(starts, numbers[starts])

    def _stored(self, column: str) -> Any:
        return self._events.column(declared_name(column))

    def _present(self, column: str) -> npt.NDArray[np.bool_]:
        """Which events have the column."""
        stored = self._stored(column)
        present: npt.NDArray[np.bool_] = pc.is_valid(stored).to_numpy()
        if pa.types.is_floating(stored.type):
            present = present & ~np.isnan(stored.to_numpy())
        return present[self._order]

    def _quantised(self, name: str) -> Int64s:
        """Values as the decoder quantises them, 0 where null."""
        if name not in self._units:
            self._units[name] = self._in_units(name)
        return self._units[name][self._order]

    def _in_units(self, name: str) -> Int64s:
        """The same for the events as they were given."""
        column, stored = self._source.column(name), self._stored(name)
        if column.type not in NUMERIC:
            raise ValueError(f"column {column.name} holds {column.type}, which has no value to merge")
        decimals = column.decimals or 0
        if pa.types.is_floating(stored.type):
            quantised: Int64s = quantise(np.nan_to_num(stored.to_numpy(), nan=0.0), decimals).astype(np.int64)
            return quantised
        whole: Int64s = stored.fill_null(pa.scalar(0, stored.type)).to_numpy() * 10**decimals
        return whole

    @property
    def _stride(self) -> int:
        """Distance of two entities in the one ascending order of (entity, instant)."""
        return len(self._instants) + 1
