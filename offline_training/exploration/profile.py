"""What each column looks like, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import skew

Doubles = npt.NDArray[np.float64]

_NAN = float("nan")


class Profile(NamedTuple):
    """One column; NaN where it has no value at all."""

    name: str
    null_share: float
    zero_share: float
    distinct: int
    least: float
    quarter: float
    median: float
    three_quarters: float
    most: float
    mean: float
    std: float
    skewness: float


class Duplicates(NamedTuple):
    """Rows and columns that are there twice; columns as pairs of names."""

    equal_rows: int
    equal_columns: tuple[tuple[str, str], ...]


def profiles(names: Sequence[str], rows: Doubles) -> list[Profile]:
    """Of every column."""
    return [_profile(name, column) for name, column in zip(names, rows.T, strict=True)]


def duplicates(names: Sequence[str], rows: Doubles) -> Duplicates:
    """Rows whose features are those of an earlier row, and columns that are the same throughout."""
    distinct = len(np.unique(np.ascontiguousarray(np.nan_to_num(rows, nan=np.inf)).view(f"V{8 * rows.shape[1]}")))
    first: dict[bytes, str] = {}
    pairs: list[tuple[str, str]] = []
    for name, column in zip(names, rows.T, strict=True):
        same = first.setdefault(np.ascontiguousarray(column).tobytes(), name)
        if same != name:
            pairs.append((same, name))
    return Duplicates(len(rows) - distinct, tuple(pairs))


def _profile(name: str, column: Doubles) -> Profile:
    known = column[np.isfinite(column)]
    nulls = float(np.isnan(column).mean())
    if len(known) == 0:
        return Profile(name, nulls, 0.0, 0, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN)
    least, quarter, median, three_quarters, most = np.quantile(known, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    return Profile(
        name,
        nulls,
        float((known == 0.0).sum()) / len(column),
        len(np.unique(known)),
        least,
        quarter,
        median,
        three_quarters,
        most,
        float(known.mean()),
        float(known.std()),
        0.0 if least == most else float(skew(known)),
    )
