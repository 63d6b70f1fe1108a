"""A suite from a training set that is known to be good: what it holds, with room for what the next one will."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from features.head import UNSUPERVISED, Task
from offline_training.dataset import Dataset
from offline_training.training_table import LABEL
from offline_training.validation.pandera_schema import serialised
from offline_training.validation.shares import class_counts, null_shares, outlier_shares, repeated_share
from offline_training.validation.suite import ClassBalance, Inferred, Limits, Outliers, Suite

if TYPE_CHECKING:
    import pandas as pd

Doubles = npt.NDArray[np.float64]

_NULLS = 0.02
_OUTLIERS = 0.1
_LARGEST = sys.float_info.max
_ROOM = 2.0
"""How much larger a share may become."""
_LEAST_OF_CLASS = 0.25
"""Which part of its share the rarest class must keep."""


def infer_suite(model: str, task: Task, data: Dataset, frame: pd.DataFrame, *, version: int) -> Suite:
    """The suite that a training set passes, ``frame`` being the same as a table.

    A bound leaves as much room as the values span, but those that were never negative may not become so.
    """
    outliers = Outliers(default=_OUTLIERS)
    return Suite(
        model=model,
        version=version,
        inferred=Inferred(
            rows=len(data.at_us),
            first_at=data.first_at,
            last_at=data.last_at,
            fingerprint=data.fingerprint,
        ),
        required_columns=tuple(str(name) for name in frame.columns),
        numeric_bounds=_bounds(task, data),
        nulls=Limits(default=_NULLS, columns=_above(_NULLS, data.names, null_shares(data.rows))),
        duplicates=_up(repeated_share(data) * _ROOM),
        outliers=Outliers(
            default=_OUTLIERS,
            columns=_above(_OUTLIERS, data.names, outlier_shares(data.rows, outliers.fence_iqr)),
        ),
        class_balance=_balance(task, data.labels),
        schema=serialised(frame),
    )


def _bounds(task: Task, data: Dataset) -> dict[str, tuple[float | None, float | None]]:
    columns = dict(zip(data.names, data.rows.T, strict=True))
    bounds: dict[str, tuple[float | None, float | None]] = {
        name: bound for name, column in columns.items() if (bound := _bound(column)) is not None
    }
    if task in UNSUPERVISED:
        return bounds
    label = _bound(data.labels) if task == "regression" else (float(data.labels.min()), float(data.labels.max()))
    return bounds | ({} if label is None else {LABEL: label})


def _bound(column: Doubles) -> tuple[float, float] | None:
    known = column[np.isfinite(column)]
    if len(known) == 0:
        return None
    low, high = float(known.min()), float(known.max())
    room = (high - low) or abs(high) or 1.0
    least = 0.0 if low >= 0.0 else -_two_digits(room - low)
    most = 0.0 if high <= 0.0 and low < 0.0 else _two_digits(high + room)
    return least, most


def _two_digits(value: float) -> float:
    """The next number above with two digits that count, for people to read; at most the largest that there is."""
    if value <= 0.0:
        return 0.0
    if value > _LARGEST / 10.0:
        return _LARGEST
    unit = max(10.0 ** (math.floor(math.log10(value)) - 1), math.ulp(0.0))
    return float(f"{math.ceil(value / unit) * unit:.10g}")


def _above(default: float, names: tuple[str, ...], shares: Doubles) -> dict[str, float]:
    """Limits of the columns that the default would not leave room for."""
    limits = {name: _up(share * _ROOM) for name, share in zip(names, shares.tolist(), strict=True)}
    return {name: limit for name, limit in limits.items() if limit > default}


def _up(share: float) -> float:
    return min(1.0, math.ceil(round(share * 100.0, 6)) / 100.0)


def _balance(task: Task, labels: Doubles) -> ClassBalance:
    if task in UNSUPERVISED:
        return ClassBalance()
    if task == "regression":
        return ClassBalance(min_rows=min(10, len(np.unique(labels))))
    rarest = min(class_counts(labels).values())
    return ClassBalance(min_share=float(f"{rarest / len(labels) * _LEAST_OF_CLASS:.1g}"), min_rows=min(10, rarest))
