"""What is known of observations beside inputs and label: the columns that tell rows apart, and of whom they are.

No model ever sees it, and no training set that is written holds it, for it may name protected groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from features.errors import DomainError


class Beside(NamedTuple):
    """``columns`` are of doubles, NaN for null, or of texts, None for null; ``units`` numbers the entities."""

    columns: Mapping[str, np.ndarray]
    units: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Beside:
        """Those of some rows."""
        return Beside({name: column[rows] for name, column in self.columns.items()}, self.units[rows])


def beside_of(where: str, table: pa.Table, names: Sequence[str], keys: Sequence[str]) -> Beside:
    """Of the rows that a model's labels are; DomainError for a column that holds neither numbers nor texts."""
    return Beside({name: _column(f"{where}: {name}", table[name]) for name in names}, _units(table, keys))


def _column(where: str, column: pa.ChunkedArray[Any]) -> np.ndarray:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return np.array(texts, dtype=object)
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowException as error:
        raise DomainError(where, f"is {kind}", "cast it to a number or a text") from error


def _units(table: pa.Table, keys: Sequence[str]) -> np.ndarray:
    """The same number for rows of the same keys; of no keys, each row has its own."""
    if not keys:
        return np.arange(table.num_rows)
    numbers = np.zeros(table.num_rows, dtype=np.int64)
    for key in keys:
        codes = table[key].combine_chunks().dictionary_encode().indices.to_numpy()
        numbers = np.unique(numbers * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1]
    return numbers
