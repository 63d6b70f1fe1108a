"""How each aggregate is computed, one idea a file.

`AGGREGATES` is the one register: plan compiler, kernel, backfill and the laws in ``tests/features/test_laws.py``
go through it, so that a new aggregate is a new file and one line here. `aggregate_of` also knows the other percentiles.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from features.aggregates.accumulator import (
    EMPTY_CELL,
    EMPTY_MAX,
    EMPTY_MIN,
    IDENTITY,
    SQUARE_BITS,
    Accumulator,
    Lift,
    Monoid,
    Partial,
)
from features.aggregates.aggregate import Aggregate, Column, Merged
from features.aggregates.cells import CELLS, CellMonoid
from features.aggregates.count import Count
from features.aggregates.count_distinct import CountDistinct
from features.aggregates.ewma import Ewma
from features.aggregates.first import First
from features.aggregates.last import Last
from features.aggregates.max import Max
from features.aggregates.mean import Mean
from features.aggregates.min import Min
from features.aggregates.quantile import Quantile
from features.aggregates.seconds_since_first import SecondsSinceFirst
from features.aggregates.seconds_since_last import SecondsSinceLast
from features.aggregates.std import Std
from features.aggregates.sum import Sum
from features.aggregates.var import Var

_ALL: tuple[Aggregate, ...] = (
    Count(),
    Sum(),
    Mean(),
    Min(),
    Max(),
    Var(),
    Std(),
    First(),
    Last(),
    CountDistinct(),
    Quantile("median", 50),
    Quantile("p90", 90),
    Quantile("p95", 95),
    Quantile("p99", 99),
    Ewma(),
    SecondsSinceLast(),
    SecondsSinceFirst(),
)

AGGREGATES: Mapping[str, Aggregate] = MappingProxyType({aggregate.name: aggregate for aggregate in _ALL})

_PERCENTILE = re.compile(r"p([1-9][0-9]?)")


def aggregate_of(function: str) -> Aggregate:
    """The aggregate of that name, ``p1`` to ``p99`` among them; KeyError if there is none.

    Examples
    --------
    >>> aggregate_of("p75").finish([b""], 0, 1) is None
    True

    """
    percentile = _PERCENTILE.fullmatch(function)
    if percentile and function not in AGGREGATES:
        return Quantile(function, int(percentile[1]))
    return AGGREGATES[function]


__all__ = [
    "AGGREGATES",
    "CELLS",
    "EMPTY_CELL",
    "EMPTY_MAX",
    "EMPTY_MIN",
    "IDENTITY",
    "SQUARE_BITS",
    "Accumulator",
    "Aggregate",
    "CellMonoid",
    "Column",
    "Lift",
    "Merged",
    "Monoid",
    "Partial",
    "aggregate_of",
]
