"""One retrieval of features of the past, evaluated when its result is asked for."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.dask import DaskRetrievalJob

from features.errors import RequestError


class RowsRetrievalJob(DaskRetrievalJob):  # type: ignore[misc]  # Feast is not typed
    """Feast's job over a caller's rows; Feast adds on-demand features to it, and persists it.

    Parameters
    ----------
    rows
        What was asked for. Their columns are handed through.
    evaluation_function
        Appends the features to an Arrow table of the rows.
    options
        Of Feast's job.

    """

    def __init__(self, rows: pd.DataFrame, evaluation_function: Callable[[pa.Table], pa.Table], **options: Any) -> None:
        super().__init__(evaluation_function, **options)
        self._rows = rows

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """The rows as they were given, whatever objects are in them, and the features beside them."""
        through_arrow = copy(self)
        through_arrow._rows = self._rows[[name for name in self._rows if _fits_arrow(self._rows[name])]]
        found = super(RowsRetrievalJob, through_arrow).to_df(validation_reference, timeout)
        return self._rows.join(found[[name for name in found if name not in self._rows]])

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 - Feast's signature
        for name in self._rows:
            if not _fits_arrow(self._rows[name]):
                raise RequestError(
                    str(name), "holds objects that have no Arrow type", "ask for to_df(), or leave the column out"
                )
        table: pa.Table = self.evaluation_function(pa.Table.from_pandas(self._rows, preserve_index=False))
        return table


def _fits_arrow(column: pd.Series[Any]) -> bool:
    if column.dtype != object:
        return True
    try:
        pa.Array.from_pandas(column)
    except (pa.ArrowException, OverflowError):
        return False
    return True
