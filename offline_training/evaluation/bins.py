"""Cutting a column into few named parts, so that figures can be told of each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

N_RANGES: Final = 4
MOST_VALUES: Final = 8
MISSING: Final = "missing"
OTHERS: Final = "all others"
_LARGE: Final = 1e15


def parts_of(column: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Name and mask of each part: a value where there are few, else a range of numbers or one of the commonest texts.

    Columns are of doubles, NaN for null, or of texts, None for null. Ranges hold about equally many rows; what is
    missing is a part of its own.
    """
    if column.dtype == np.float64:
        missing = np.isnan(column)
        yield from _of_numbers(column, missing)
    else:
        missing = np.array([value is None for value in column.tolist()], dtype=np.bool_)
        yield from _of_texts(column, missing)
    if missing.any():
        yield MISSING, missing


def _of_numbers(column: np.ndarray, missing: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    known = column[~missing]
    values = np.unique(known)
    if len(values) <= MOST_VALUES:
        for value in values.tolist():
            yield _text(value), column == value
        return
    edges = np.unique(np.quantile(known, np.linspace(0, 1, N_RANGES + 1), method="lower")).tolist()
    for low, high in pairwise(edges):
        if high == edges[-1]:
            yield f"{_text(low)} to {_text(high)}", (column >= low) & (column <= high)
        else:
            yield f"{_text(low)} to below {_text(high)}", (column >= low) & (column < high)


def _text(value: float) -> str:
    """A number, without an exponent where it can be."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < _LARGE else f"{value:.6g}"


def _of_texts(column: np.ndarray, missing: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    values, counts = np.unique(column[~missing].astype(str), return_counts=True)
    common = values[np.argsort(-counts, kind="stable")[:MOST_VALUES]]
    for value in sorted(common.tolist()):
        yield value, column == value
    others = ~missing & ~np.isin(column, common)
    if others.any():
        yield OTHERS, others
