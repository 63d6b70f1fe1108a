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
    """``features`` is ``[n, k]`` in the manifest's order, ``raw_scores`` ``[n]``."""

    features: Doubles
    raw_scores: Doubles


def write_golden(path: Path, names: Sequence[str], rows: GoldenRows) -> None:
    """Write golden rows: one column a feature, and ``raw_score``.

    Parameters
    ----------
    path
        The Parquet file.
    names
        Feature names, in the order of the columns of ``rows.features``.
    rows
        The rows. NaN is kept as NaN; no value goes through a dictionary, which would not tell 0.0 from -0.0.

    """
    columns = [*(rows.features[:, i] for i in range(len(names))), rows.raw_scores]
    table = pa.table([pa.array(np.ascontiguousarray(column)) for column in columns], names=[*names, MODEL_OUTPUT])
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
    wanted = [*bundle.manifest.features, MODEL_OUTPUT]
    if table.column_names != wanted or any(field.type != pa.float64() for field in table.schema):
        raise BundleCorruptError(str(bundle.path), f"{GOLDEN} has columns {table.column_names}, not doubles {wanted}")
    if not table.num_rows:
        raise BundleCorruptError(str(bundle.path), f"{GOLDEN} holds no rows")
    columns = [table.column(name).to_numpy() for name in wanted]
    return GoldenRows(np.ascontiguousarray(np.column_stack(columns[:-1])), columns[-1])


def first_difference(expected: Doubles, found: Doubles) -> int | None:
    """First row at which two columns of raw scores are not the same bits.

    Parameters
    ----------
    expected, found
        Doubles of any shape with as many elements; compared as 64-bit patterns.

    Returns
    -------
    int or None
        The row, or None when every bit agrees.

    Examples
    --------
    >>> first_difference(np.array([1.0, 0.0]), np.array([1.0, -0.0]))
    1
    >>> first_difference(np.array([1.0]), np.array([1.0])) is None
    True

    """
    left = np.ascontiguousarray(expected, dtype=np.float64).reshape(-1).view(np.int64)
    right = np.ascontiguousarray(found, dtype=np.float64).reshape(-1).view(np.int64)
    if left.shape != right.shape:
        return min(left.size, right.size)
    rows = np.flatnonzero(left != right)
    return int(rows[0]) if rows.size else None
