"""Golden rows: inputs of a model with the raw scores that it must give for them, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.bundle import GOLDEN, MODEL_OUTPUT, Bundle
from features.errors import BundleCorruptError

Doubles = npt.NDArray[np.float64]


class GoldenRows(NamedTuple):
    """``features`` is ``[n, k]`` in the manifest's order, ``raw_scores`` ``[n, c]``: a column an output."""

    features: Doubles
    raw_scores: Doubles


def raw_score_columns(classes: Sequence[str]) -> list[str]:
    """Names of the columns of raw scores: ``raw_score``, or ``raw_score:<class>`` for each of several classes."""
    return [f"{MODEL_OUTPUT}:{name}" for name in classes] or [MODEL_OUTPUT]


def write_golden(path: Path, names: Sequence[str], rows: GoldenRows, classes: Sequence[str] = ()) -> None:
    """Write golden rows: one column a feature, and one a raw score.

    Parameters
    ----------
    path
        The Parquet file.
    names
        Feature names, in the order of the columns of ``rows.features``.
    rows
        The rows. NaN is kept as NaN; no value goes through a dictionary, which would not tell 0.0 from -0.0.
    classes
        Names of the outputs, where there are several.

    """
    columns = [*rows.features.T, *rows.raw_scores.T]
    named = [*names, *raw_score_columns(classes)]
    table = pa.table([pa.array(np.ascontiguousarray(column)) for column in columns], names=named)
    pq.write_table(table, path, use_dictionary=False)


def read_golden(bundle: Bundle) -> GoldenRows:
    """Read a bundle's golden rows.

    Parameters
    ----------
    bundle
        As `features.bundle.read_bundle` gives it.

    Returns
    -------
    GoldenRows
        At least one row, columns in the manifest's order.

    Raises
    ------
    BundleCorruptError
        There are no rows, or the columns are not the manifest's.

    """
    table = pq.read_table(bundle.file(GOLDEN))
    inputs = bundle.manifest.features
    wanted = [*inputs, *raw_score_columns(bundle.manifest.classes)]
    if table.column_names != wanted or any(field.type != pa.float64() for field in table.schema):
        raise BundleCorruptError(str(bundle.path), f"{GOLDEN} has columns {table.column_names}, not doubles {wanted}")
    if not table.num_rows:
        raise BundleCorruptError(str(bundle.path), f"{GOLDEN} holds no rows")
    columns = np.column_stack([table.column(name).to_numpy() for name in wanted])
    return GoldenRows(np.ascontiguousarray(columns[:, : len(inputs)]), np.ascontiguousarray(columns[:, len(inputs) :]))


def first_difference(expected: Doubles, found: Doubles) -> int | None:
    """First row at which two columns, or tables, of raw scores are not the same bits.

    Parameters
    ----------
    expected, found
        Doubles of one shape, rows first; compared as 64-bit patterns.

    Returns
    -------
    int or None
        The row, or None when every bit agrees. Where the shapes differ, the first row that one of them lacks, or the
        first of all.

    Examples
    --------
    >>> first_difference(np.array([1.0, 0.0]), np.array([1.0, -0.0]))
    1
    >>> first_difference(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]])) is None
    True

    """
    if expected.shape != found.shape:
        return min(len(expected), len(found)) if expected.shape[1:] == found.shape[1:] else 0
    left = np.ascontiguousarray(expected, dtype=np.float64).view(np.int64)
    right = np.ascontiguousarray(found, dtype=np.float64).view(np.int64)
    rows = np.argwhere(left != right)
    return int(rows[0][0]) if rows.size else None
