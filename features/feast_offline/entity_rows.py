"""The rows that features are asked for: entities and instants, from a data frame or a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df

from features.errors import RequestError
from features.feast_offline.site import Site
from features.plan import EntityKeyPlan


class Keys(NamedTuple):
    """Join keys of those rows that have them all."""

    which: npt.NDArray[np.intp]
    values: dict[str, npt.NDArray[Any]]


class EntityRows:
    """Rows in the caller's order, repeated ones among them.

    Parameters
    ----------
    frame
        A column of instants and those of join keys; others are handed through.

    Attributes
    ----------
    frame
        The same, its instants in UTC.
    timestamp_column
        ``event_timestamp``, or the only column of instants.
    at_us
        Microseconds, rounded up, so that what lies strictly before is the same.

    """

    def __init__(self, frame: pd.DataFrame) -> None:
        if frame.columns.has_duplicates:
            twice = frame.columns[frame.columns.duplicated()][0]
            raise RequestError("entity_df", f"has two columns {twice!r}", "drop one")
        self.timestamp_column = str(infer_event_timestamp_from_entity_df(dict(frame.dtypes)))
        instants = _to_utc(self.timestamp_column, frame[self.timestamp_column])
        self.frame = frame.assign(**{self.timestamp_column: instants}).reset_index(drop=True)
        self.at_us = _microseconds(self.frame[self.timestamp_column])

    def keys(self, keys: Sequence[EntityKeyPlan], names: Sequence[str]) -> Keys:
        """Values of a view's join keys, from the columns of these names; RequestError where they are no such keys."""
        columns = [_key_column(self.frame, key, name) for key, name in zip(keys, names, strict=True)]
        there = np.logical_and.reduce([column.is_valid().to_numpy(zero_copy_only=False) for column in columns])
        which = np.flatnonzero(there)
        picked = cast("pa.Int64Array", pa.array(which))
        values = [column.take(picked).to_numpy(zero_copy_only=False) for column in columns]
        return Keys(which, {key.name: column for key, column in zip(keys, values, strict=True)})

    def __len__(self) -> int:
        return len(self.frame)


def open_entity_rows(site: Site, entity_df: Any) -> EntityRows:
    """Rows of a data frame, or of a query in DuckDB's SQL over the lake: one view a topic, valid events.

    RequestError where it is neither, or the query does not run.
    """
    if isinstance(entity_df, str):
        connection = site.lake.sql(site.plan.sources)
        try:
            entity_df = connection.sql(entity_df).to_arrow_table().to_pandas()
        except duckdb.Error as error:
            raise RequestError("entity_df", f"is a query that does not run ({error})", "correct the SQL") from error
        finally:
            connection.close()
    if not isinstance(entity_df, pd.DataFrame):
        raise RequestError(
            "entity_df",
            f"is {type(entity_df).__name__}, which names no entities and instants",
            "give a pandas data frame, or a query such as SELECT DISTINCT key, now() AS event_timestamp FROM topic",
        )
    return EntityRows(entity_df)


def _to_utc(name: str, column: pd.Series[Any]) -> pd.Series[Any]:
    """Instants in UTC; those without a zone are in UTC already, as Feast has it."""
    if pd.api.types.is_numeric_dtype(column):
        raise RequestError(
            name, "holds numbers, of a unit that nobody names", "convert it: pandas.to_datetime(…, unit=…)"
        )
    try:
        instants = pd.to_datetime(column, utc=True, format="ISO8601")  # of text; what are instants already stays so
    except (ValueError, TypeError) as error:
        raise RequestError(name, f"holds what is no instant ({error})", "give instants, best with a zone") from error
    if (n_missing := int(instants.isna().sum())) > 0:
        raise RequestError(name, f"is missing in {n_missing} rows", "drop them: features are as of an instant")
    return instants


def _microseconds(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    nanos_per_unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
    array = pa.Array.from_pandas(column)
    nanos = nanos_per_unit[array.type.unit]
    ticks = array.cast(pa.int64()).to_numpy()
    return ticks * (nanos // 1_000) if nanos >= 1_000 else -(-ticks // (1_000 // nanos))


def _key_column(frame: pd.DataFrame, key: EntityKeyPlan, name: str) -> pa.Array[Any]:
    """Values of a join key in its own type, null where it is missing."""
    if name not in frame.columns:
        raise RequestError("entity_df", f"has no column {name!r}", "give the join keys of all views asked for")
    fitting = f"values that are no {key.type}"
    try:
        column = pa.Array.from_pandas(frame[name])
        if isinstance(column, pa.DictionaryArray):
            column = column.dictionary_decode()
        kind = column.type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if not pa.types.is_null(kind) and not (is_text if key.type == "string" else is_number):
            raise RequestError(name, f"holds {fitting} but {kind}", "convert the column")
        if key.type == "string":
            return column.cast(pa.string())
        return column.cast(pa.int32() if key.type == "int32" else pa.int64()).cast(pa.int64())
    except (pa.ArrowException, OverflowError) as error:  # the latter of a Python integer beyond 64 bits
        raise RequestError(name, f"holds {fitting} ({error})", "convert the column") from error
