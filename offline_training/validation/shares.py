"""Checks of shares: how many rows are null, outlying, repeated, or of the rarest class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.head import Task
from offline_training.dataset import Dataset
from offline_training.training_table import TIME
from offline_training.validation.finding import Finding
from offline_training.validation.suite import ClassBalance, Limits, Outliers

Doubles = npt.NDArray[np.float64]


def null_shares(rows: Doubles) -> Doubles:
    """Of each column."""
    return np.asarray(np.isnan(rows).mean(axis=0))


def outlier_shares(rows: Doubles, fence_iqr: float) -> Doubles:
    """Of each column: the share of the rows beyond the fences; nought where half of the values are one value."""
    shares = np.zeros(rows.shape[1])
    for number, column in enumerate(rows.T):
        known = column[np.isfinite(column)]
        if len(known) == 0:
            continue
        low, high = np.percentile(known, (25.0, 75.0)).tolist()
        reach = fence_iqr * (high - low)  # infinite, and so no fence, where numbers are as large as there are
        if reach > 0.0:
            shares[number] = float(((known < low - reach) | (known > high + reach)).sum()) / len(column)
    return shares


def repeated_share(data: Dataset) -> float:
    """The share of observations that another one before them has the entity and the instant of.

    Where they are of no entity, what a model is given of them stands for it.
    """
    n = len(data.at_us)
    if not data.keys:
        null = np.isnan(data.rows)  # of which no two are equal to numpy
        given = np.column_stack([data.at_us, null, np.where(null, 0.0, data.rows)])
        return 1.0 - len(np.unique(given, axis=0)) / n
    table = pa.table({TIME: pa.array(data.at_us), **data.keys})
    return 1.0 - table.group_by(table.column_names).aggregate([]).num_rows / n


def class_counts(labels: Doubles) -> dict[float, int]:
    """Rows of each label."""
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def too_many_nulls(names: Sequence[str], rows: Doubles, limits: Limits) -> Iterator[Finding]:
    """Columns that are null too often."""
    for name, share in zip(names, null_shares(rows).tolist(), strict=True):
        if share > limits.of(name):
            yield Finding(check="nulls", column=name, detail=_too_many("null", share, limits.of(name)))


def too_many_outliers(names: Sequence[str], rows: Doubles, limits: Outliers) -> Iterator[Finding]:
    """Columns with too many values beyond their own fences."""
    for name, share in zip(names, outlier_shares(rows, limits.fence_iqr).tolist(), strict=True):
        if share > limits.of(name):
            what = f"further than {limits.fence_iqr:g} interquartile ranges outside the quartiles"
            yield Finding(check="outliers", column=name, detail=_too_many(what, share, limits.of(name)))


def repeated_observations(data: Dataset, most: float) -> Iterator[Finding]:
    """Observations of one entity at one instant, more than once."""
    if (share := repeated_share(data)) > most:
        yield Finding(check="duplicates", column=None, detail=_too_many("a repeated observation", share, most))


def out_of_balance(labels: Doubles, task: Task, limits: ClassBalance) -> Iterator[Finding]:
    """Too few rows of a class to learn it; a regression's labels that are all but constant."""
    counts = class_counts(labels)
    if task == "regression":
        if len(counts) < limits.min_rows:
            detail = f"there are {len(counts)} different labels, at least {limits.min_rows} are required"
            yield Finding(check="class_balance", column=None, detail=detail)
        return
    for label, count in sorted(counts.items(), key=lambda item: item[1]):
        share = count / len(labels)
        if share < limits.min_share or count < limits.min_rows:
            yield Finding(
                check="class_balance",
                column=None,
                detail=f"label {label:g} has {count:,} rows ({share:.2%}), required are {limits.min_rows:,} and "
                f"{limits.min_share:.2%}",
            )
    if len(counts) < 2:
        yield Finding(check="class_balance", column=None, detail="all rows have one label")


def _too_many(what: str, share: float, limit: float) -> str:
    return f"is {what} in {share:.2%} of the rows, at most {limit:.2%} are allowed"


def unusable(names: Sequence[str], rows: Doubles) -> list[str]:
    """Notes on columns that tell nothing, as they are null or one value throughout."""
    notes: list[str] = []
    for name, column in zip(names, rows.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) == 0:
            notes.append(f"{name} is null throughout")
        elif len(known) == len(column) and (known == known[0]).all():
            notes.append(f"{name} is {known[0]:g} throughout")
    return notes


def not_finite(names: Sequence[str], rows: Doubles) -> Iterator[Finding]:
    """Infinite values, which no bound allows."""
    counts: Any = np.isinf(rows).sum(axis=0)
    for name, count in zip(names, counts.tolist(), strict=True):
        if count:
            yield Finding(check="numeric_bounds", column=name, detail=f"is infinite in {count:,} rows")
