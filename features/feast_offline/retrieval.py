"""One retrieval of features of the past, evaluated when its result is asked for."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.dask import DaskRetrievalJob


class RowsRetrievalJob(DaskRetrievalJob):  # type: ignore[misc]  # Feast is not typed
    """Feast's job over a function that gives an Arrow table; Feast adds on-demand features to it, and persists it."""

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002 - Feast's signature
        table: pa.Table = self.evaluation_function()
        return table
