"""Features that are an identifier: of an entity, or of the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from offline_training.validation.finding import Finding

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_LEAST_ENTITIES = 10
_LEAST_ROWS = 50
_SEEN_AGAIN = 1.2
"""Observations an entity, from which on a value that never changes says something."""


def identifiers(
    names: Sequence[str], rows: Doubles, keys: Mapping[str, pa.Array[Any]], least_share: float
) -> Iterator[Finding]:
    """Each feature whose value tells which entity, or which row, it is of."""
    found: dict[str, str] = {}
    for key, column in keys.items():
        entities = _by_entity(column)
        for name, values in zip(names, rows.T, strict=True):
            if name not in found and (share := entity_share(values[entities.order], entities)) >= least_share:
                found[name] = f"is an id: it has one value for each {key}, that no other has ({share:.2%} of them)"
    for name, values in zip(names, rows.T, strict=True):
        if name not in found and is_row_number(values):
            found[name] = "is an id: whole numbers without a gap to speak of, another one in each row"
    for name, detail in found.items():
        yield Finding(check="leakage_id", column=name, detail=detail)


class _Entities(NamedTuple):
    """Rows in the order of their entities: their numbers, and the entity of each, from nought without a gap."""

    order: Codes
    of_row: Codes


def _by_entity(column: pa.Array[Any]) -> _Entities:
    encoded: Any = column.dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.intp)
    order = np.argsort(codes, kind="stable")
    return _Entities(order, codes[order])


def entity_share(values: Doubles, entities: _Entities) -> float:
    """The share of the entities that have one value throughout, and one that no other has.

    ``values`` are in the order of the entities. Nought where entities are hardly observed again, for then any number
    with decimals would do.
    """
    known = ~np.isnan(values)
    values, of_row = values[known], entities.of_row[known]
    begins = np.flatnonzero(np.diff(of_row, prepend=-1))
    n_entities = len(begins)
    if n_entities < _LEAST_ENTITIES or len(values) < _SEEN_AGAIN * n_entities:
        return 0.0
    one_value = np.minimum.reduceat(values, begins) == np.maximum.reduceat(values, begins)
    _, which, n_of_value = np.unique(values[begins][one_value], return_inverse=True, return_counts=True)
    return float((n_of_value[which] == 1).sum() / n_entities)


def is_row_number(column: Doubles) -> bool:
    """Whether a column counts rows: whole numbers, no two alike, close together."""
    if len(column) < _LEAST_ROWS or not np.isfinite(column).all() or (column != np.rint(column)).any():
        return False
    reach = float(column.max()) - float(column.min()) + 1.0
    return len(np.unique(column)) == len(column) and reach <= 2.0 * len(column)
