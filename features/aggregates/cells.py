"""Partials that are bytes: what a monoid of cells can do, and which there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from features.aggregates.accumulator import Monoid
from features.aggregates.bucket_counts import BucketCounts
from features.aggregates.distinct_set import DistinctSet
from features.aggregates.ordered_value import FirstValue, LastValue


class CellMonoid(Protocol):
    """Makes and merges cells; equal sets of events give equal bytes, and no events give ``EMPTY_CELL``."""

    @property
    def ordered(self) -> bool:
        """Whether a cell depends on when and where its events stand."""
        ...

    def lift(self, values: Sequence[Any], orders: Sequence[bytes]) -> bytes:
        """Cell of one event or more: their values (none null) and, if ``ordered``, their `order_key`."""
        ...

    def merge(self, cells: Iterable[bytes]) -> bytes:
        """Cell of all events of some cells, of none of them twice unless the monoid is idempotent."""
        ...


CELLS: Mapping[Monoid, CellMonoid] = MappingProxyType(
    {"first": FirstValue(), "last": LastValue(), "buckets": BucketCounts(), "distinct": DistinctSet()}
)
