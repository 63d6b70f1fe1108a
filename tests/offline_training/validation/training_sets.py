"""Training sets made up for the validation: honest ones, to which tests add what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from features.head import Task
from offline_training.dataset import Dataset, LeftOut, fingerprint

DAY_US = 86_400_000_000
N_ENTITIES = 80
N_DAYS = 12


def honest_set(task: Task = "binary", seed: int = 0) -> Dataset:
    """Entities that are observed day by day: strong and weak features, one with nulls, one that grows with time."""
    random = np.random.default_rng(seed)
    n = N_ENTITIES * N_DAYS
    entity, day = np.tile(np.arange(N_ENTITIES), N_DAYS), np.repeat(np.arange(N_DAYS), N_ENTITIES)
    strong, weak = random.normal(size=n), random.exponential(10.0, n)
    nulls = np.where(random.random(n) < 0.3, np.nan, random.normal(5.0, 2.0, n))
    seconds = (day + 1) * 86_400.0 + random.permutation(N_ENTITIES)[entity] * 977.0
    count = random.poisson(3.0, n).astype(np.float64)
    rows = np.column_stack([strong, weak, nulls, seconds, count])
    names = ("v:strong", "v:weak", "v:nulls", "v:seconds", "v:count")
    raw = 1.5 * strong + 0.05 * weak + random.normal(size=n)
    labels = {
        "binary": (raw > 1.0).astype(np.float64),
        "multiclass": np.digitize(raw, (-0.5, 1.5)).astype(np.float64),
        "regression": np.exp(raw),
    }[task]
    keys = {"customer": pa.array([f"c{number}" for number in entity])}
    return _dataset(names, rows, labels, day * DAY_US, keys)


def with_feature(data: Dataset, name: str, column: Any) -> Dataset:
    """The same set with one feature more."""
    rows = np.column_stack([data.rows, np.asarray(column, np.float64)])
    return _dataset((*data.names, name), rows, data.labels, data.at_us, data.keys)


def with_values(data: Dataset, name: str, column: Any) -> Dataset:
    """The same set with other values of a feature."""
    rows = data.rows.copy()
    rows[:, data.names.index(name)] = column
    return _dataset(data.names, rows, data.labels, data.at_us, data.keys)


def some_rows(data: Dataset, rows: Any) -> Dataset:
    """These rows of a set, in this order."""
    keys = {name: column.take(pa.array(rows)) for name, column in data.keys.items()}
    return _dataset(data.names, data.rows[rows], data.labels[rows], data.at_us[rows], keys)


def _dataset(names: tuple[str, ...], rows: np.ndarray, labels: np.ndarray, at_us: np.ndarray, keys: Any) -> Dataset:
    digest = fingerprint(names, [rows], labels, at_us)
    return Dataset(names, rows, labels, at_us, LeftOut(0, 0), digest, "as_true", None, keys)
