"""Features of plain views over files: the values of Feast's Dask store, which loses rows, put beside each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.dask import DaskOfflineStore
from feast.infra.offline_stores.file_source import FileSource
from feast.types import from_feast_to_pyarrow_type

from features.errors import DomainError, RequestError
from features.feast_offline.entity_rows import EntityRows

ROW = "__row"
AT = "event_timestamp"


def file_columns(
    config: Any, view: Any, features: Sequence[str], rows: EntityRows, registry: Any, *, by_created: bool
) -> dict[str, pa.Array[Any]]:
    """Each feature of a plain view as of each row, as stock Feast gives it.

    Feast 0.67's Dask store drops rows that repeat, that match nothing within the view's ``ttl``, and that share a key
    with others where views are joined in turn. So it is asked for one view and each row once, by number.
    """
    if not isinstance(view.batch_source, FileSource):
        raise DomainError(
            f"FeatureView {view.name}: source",
            f"is {type(view.batch_source).__name__}, which this offline store does not read",
            "use a FileSource, or compute the features from a topic in a StreamFeatureView",
        )
    key_columns = [
        view.projection.join_key_map.get(column.name, column.name)
        for column in view.entity_columns
        if column.name in view.join_keys
    ]
    if missing := [name for name in key_columns if name not in rows.frame.columns]:
        raise RequestError("entity_df", f"has no column {missing[0]!r}", "give the join keys of all views asked for")
    asked = rows.frame[key_columns].assign(**{AT: rows.frame[rows.timestamp_column]})
    numbers = asked.groupby([*key_columns, AT], dropna=False, sort=False).ngroup()
    once = asked.assign(**{ROW: numbers}).drop_duplicates(ROW).dropna()
    name = view.projection.name_to_use()
    found: pd.DataFrame = pd.DataFrame({ROW: [], **{feature: [] for feature in features}})
    if len(once):
        job = DaskOfflineStore.get_historical_features(
            config,
            [view],
            [f"{name}:{feature}" for feature in features],
            once,
            registry,
            config.project,
            filter_by_created_timestamp=by_created,
        )
        found = job.to_df()
    places = pd.Series(range(len(found)), index=found[ROW].astype("int64")).reindex(numbers)
    taken = pa.array(places, pa.int64(), from_pandas=True, safe=False)
    types = {field.name: from_feast_to_pyarrow_type(field.dtype) for field in view.features}
    return {feature: _typed(found[feature], types[feature]).take(taken) for feature in features}


def _typed(column: pd.Series[Any], kind: pa.DataType) -> pa.Array[Any]:
    """A column in its declared type; as pandas has it where the file holds other values."""
    try:
        return pa.Array.from_pandas(column, type=kind)
    except pa.ArrowException:
        return pa.Array.from_pandas(column)
