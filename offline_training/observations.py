"""The observations of a model: the domain's ``labels.sql``, run over the lake and held to its promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.domain import Domain
from features.errors import DomainError
from features.model_file import ModelSpec
from features.nouns import KeyValue
from features.plan import ColumnType, Plan, SourcePlan, ViewPlan
from offline_training.beside import Beside, beside_of
from offline_training.label_query import label_query
from offline_training.training_table import LABEL, TIME

_INSTANT = pa.timestamp("us", tz="UTC")

_REQUEST_TYPES: Mapping[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int32": pa.int64(),
    "int64": pa.int64(),
    "float32": pa.float64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": _INSTANT,
}


class EventTables(Protocol):
    """Events that can be asked in SQL."""

    def sql(self, sources: Sequence[SourcePlan]) -> Any:
        """A DuckDB connection with one view a topic."""
        ...


class Observations(NamedTuple):
    """One row an observation, in order of time and keys: when, of whom, what then happened.

    ``request`` holds the columns that a request would supply, ``beside`` what rows are told apart by.
    """

    at_us: np.ndarray
    labels: np.ndarray
    keys: Mapping[str, pa.Array[Any]]
    request: Mapping[str, Sequence[KeyValue | float | bool | None]]
    beside: Beside

    def slice(self, begin: int, end: int) -> Observations:
        """Those from ``begin`` to ``end`` - 1, in memory of their own: they are sent to other processes."""
        return Observations(
            self.at_us[begin:end],
            self.labels[begin:end],
            {name: column.take(np.arange(begin, end)) for name, column in self.keys.items()},
            {name: column[begin:end] for name, column in self.request.items()},
            self.beside.take(slice(begin, end)),
        )

    def keys_of(self, view: ViewPlan) -> dict[str, np.ndarray]:
        """Join keys of a view."""
        return {key.name: self.keys[key.name].to_numpy(zero_copy_only=False) for key in view.keys}


def observe(
    tables: EventTables,
    plan: Plan,
    domain: Domain,
    model: str,
    *,
    lake_end_us: int,
    request_fields: Mapping[str, ColumnType],
) -> Observations:
    """Run the model's ``labels.sql``; DomainError where its rows are not observations of this model.

    ``lake_end_us`` is the newest event time that the lake holds; ``request_fields`` are the columns beside keys, time
    and label that the model's request-time features need, with their declared types.
    """
    query = label_query(plan, domain, model, lake_end_us)
    where, keys = query.where, query.keys
    with tables.sql(plan.sources) as connection:
        table = query.run(connection)
    beside = domain.models[model].beside
    _require_rows(where, table, never_null=(TIME, LABEL, *keys), others=[*request_fields, *beside])
    at_us = pc.cast(table[TIME], _INSTANT).cast(pa.int64()).to_numpy()
    late = int(np.sum(at_us + domain.models[model].horizon_us > lake_end_us))
    if late:
        raise DomainError(where, f"labels {late} rows whose horizon passes the lake's end", "compare with $lake_end")
    return Observations(
        at_us=at_us,
        labels=_labels(where, table[LABEL], domain.models[model]),
        keys={name: table[name].combine_chunks() for name in keys},
        request={name: _request_column(where, table[name], name, kind) for name, kind in request_fields.items()},
        beside=beside_of(where, table, beside, keys),
    )


def _require_rows(where: str, table: pa.Table, *, never_null: Sequence[str], others: Sequence[str]) -> None:
    found, wanted = sorted(table.column_names), sorted({*never_null, *others})
    if found != wanted:
        raise DomainError(where, f"yields the columns {found}, the model needs {wanted}", "add or remove what differs")
    if table.num_rows == 0:
        raise DomainError(where, "yields no observation", "is the history longer than one label horizon?")
    time_type = table[TIME].type
    if not pa.types.is_timestamp(time_type) or time_type.tz is None:
        raise DomainError(f"{where}: {TIME}", f"is {time_type}", "make it TIMESTAMPTZ")
    for name in never_null:
        if table[name].null_count:
            raise DomainError(f"{where}: {name}", f"is null in {table[name].null_count} rows", "leave those rows out")


def _labels(where: str, column: pa.ChunkedArray[Any], spec: ModelSpec) -> np.ndarray:
    """Outcomes as doubles: 0 and 1, numbers of classes (which SQL may name), or values."""
    if spec.task == "multiclass" and pa.types.is_string(column.type):
        numbers: Any = pc.index_in(column, pa.array(spec.classes))
        if numbers.null_count:
            raise DomainError(f"{where}: {LABEL}", "names what is no class", f"the classes are {list(spec.classes)}")
        return np.asarray(numbers.cast(pa.float64()).to_numpy())
    try:
        labels = np.asarray(column.cast(pa.float64()).to_numpy())
    except pa.ArrowException as error:
        raise DomainError(f"{where}: {LABEL}", f"is no number ({error})", "make it a number") from error
    if spec.task == "regression":
        if not np.isfinite(labels).all():
            raise DomainError(f"{where}: {LABEL}", "holds NaN or infinity", "leave those rows out")
    elif not np.isin(labels, np.arange(spec.n_classes)).all():
        numbered = f"0 to {spec.n_classes - 1}" if spec.task == "multiclass" else "0 and 1"
        raise DomainError(f"{where}: {LABEL}", f"holds values other than {numbered}", f"a {spec.task} label is these")
    return labels


def _request_column(
    where: str, column: pa.ChunkedArray[Any], name: str, kind: ColumnType
) -> list[KeyValue | float | bool | None]:
    """Values as a request supplies them: of the declared type, instants in microseconds."""
    try:
        typed: Any = column.cast(_REQUEST_TYPES[kind])
    except pa.ArrowException as error:
        raise DomainError(f"{where}: {name}", f"is no {kind} ({error})", "cast it to the declared type") from error
    return list((typed.cast(pa.int64()) if kind == "timestamp" else typed).to_pylist())
