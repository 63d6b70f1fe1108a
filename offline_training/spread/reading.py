"""What this process has of a training set that a cluster wrote: all of it, or test rows and a sample of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from features.errors import DomainError
from features.model_file import ModelSpec
from features.nouns import Knowledge
from offline_training.dask_dataset import Written
from offline_training.dataset import Dataset, Whole, fingerprint
from offline_training.spread.table import SpreadTable, fill
from offline_training.training_table import LABEL, TIME


def read_dataset(
    table: SpreadTable, written: Written, spec: ModelSpec, knowledge: Knowledge, *, most_rows: int
) -> Dataset:
    """Read it, of at most so many rows. DomainError where the test rows alone are more than half of that."""
    chosen = choose_rows(table.at_us, spec, most_rows)
    rows = np.empty((len(chosen), len(table.names)), np.float64)
    keys: list[pa.Table] = []

    def read() -> Iterator[np.ndarray]:
        """All rows, a file at a time; what is chosen of them is kept."""
        begin = 0
        for some in table.tables():
            all_rows = np.empty((some.num_rows, len(table.names)), np.float64)
            fill(all_rows, some, table.names)
            first, last = np.searchsorted(chosen, [begin, begin + some.num_rows])
            here = chosen[first:last] - begin
            rows[first:last] = all_rows[here]
            keys.append(some.drop_columns([TIME, LABEL, *table.names]).take(here))
            begin += some.num_rows
            yield all_rows

    digest = fingerprint(table.names, read(), table.labels, table.at_us)
    of_whom: dict[str, pa.Array[Any]] = {
        name: column.combine_chunks() for name, column in _columns(pa.concat_tables(keys))
    }
    return Dataset(
        names=table.names,
        rows=rows,
        labels=table.labels[chosen],
        at_us=table.at_us[chosen],
        left_out=written.left_out,
        fingerprint=digest,
        knowledge=knowledge,
        beside=None if written.beside is None else written.beside.take(chosen),
        keys=of_whom,
        origin=written.origin,
        larger=None if len(chosen) == len(table.at_us) else Whole(table.labels, table.at_us),
    )


def choose_rows(at_us: np.ndarray, spec: ModelSpec, most_rows: int) -> np.ndarray:
    """Numbers of the rows to have here: all, or those of the test and others that the model's seed draws."""
    n = len(at_us)
    if n <= most_rows:
        return np.arange(n)
    n_others = int(np.searchsorted(at_us, int(at_us[-1]) - spec.test_span_us))
    if n - n_others > most_rows // 2:
        raise DomainError(
            "model.yaml: split.test_span",
            f"holds {n - n_others:,} test rows, and this process may hold {most_rows:,} rows, half of them to test on",
            "shorten it, or set MILLSTREAM_DASK__CLIENT_ROWS to what fits its memory",
        )
    drawn = np.random.default_rng(spec.seed).choice(n_others, most_rows - (n - n_others), replace=False)
    return np.concatenate([np.sort(drawn), np.arange(n_others, n)])


def _columns(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray[Any]]]:
    return zip(table.column_names, table.columns, strict=True)
