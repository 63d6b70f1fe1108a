"""How each aggregate is computed, one idea a file.

`AGGREGATES` is the one register: plan compiler, kernel, backfill and the laws in ``tests/features/test_laws.py``
go through it, so that a new aggregate is a new file and one line here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from features.aggregates.accumulator import EMPTY_MAX, EMPTY_MIN, IDENTITY, Accumulator, Lift, Monoid
from features.aggregates.aggregate import Aggregate, Column, Merged
from features.aggregates.count import Count
from features.aggregates.max import Max
from features.aggregates.mean import Mean
from features.aggregates.min import Min
from features.aggregates.seconds_since_first import SecondsSinceFirst
from features.aggregates.seconds_since_last import SecondsSinceLast
from features.aggregates.sum import Sum

_ALL: tuple[Aggregate, ...] = (Count(), Sum(), Mean(), Min(), Max(), SecondsSinceLast(), SecondsSinceFirst())

AGGREGATES: Mapping[str, Aggregate] = MappingProxyType({aggregate.name: aggregate for aggregate in _ALL})

__all__ = [
    "AGGREGATES",
    "EMPTY_MAX",
    "EMPTY_MIN",
    "IDENTITY",
    "Accumulator",
    "Aggregate",
    "Column",
    "Lift",
    "Merged",
    "Monoid",
]
