"""The observations of a model: its ``labels.sql`` over the lake, or its dataset, held to what they promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.domain import Domain
from features.errors import DomainError
from features.head import UNSUPERVISED
from features.model_file import ModelSpec
from features.nouns import KeyValue
from features.plan import ColumnType, Plan, SourcePlan, ViewPlan
from offline_training.beside import Beside, beside_of
from offline_training.dataset_table import ObservedTable, Origin, dataset_table
from offline_training.declared_columns import INSTANT, declared_column, require_known
from offline_training.label_query import label_query
from offline_training.training_table import LABEL, TIME

_LARGEST: Final = 1e100
"""Of values to be learned: sums of their squares are still numbers."""


class EventTables(Protocol):
    """Events that can be asked in SQL."""

    def sql(self, sources: Sequence[SourcePlan]) -> Any:
        """A DuckDB connection with one view a topic."""
        ...


class Observations(NamedTuple):
    """One row an observation, in order of time and keys: when, of whom, what then happened.

    ``request`` holds the columns that a request would supply, ``beside`` what rows are told apart by. ``origin`` is the
    dataset that they are of, None: they come from the lake.
    """

    at_us: np.ndarray
    labels: np.ndarray
    keys: Mapping[str, pa.Array[Any]]
    request: Mapping[str, Sequence[KeyValue | float | bool | None]]
    beside: Beside
    origin: Origin | None = None

    def slice(self, begin: int, end: int) -> Observations:
        """Those from ``begin`` to ``end`` - 1, in memory of their own: they are sent to other processes."""
        return Observations(
            self.at_us[begin:end],
            self.labels[begin:end],
            {name: column.take(np.arange(begin, end)) for name, column in self.keys.items()},
            {name: column[begin:end] for name, column in self.request.items()},
            self.beside.take(slice(begin, end)),
            self.origin,
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
    lake_end_us: int | None,
    request_fields: Mapping[str, ColumnType],
) -> Observations:
    """What the model's ``labels.sql`` or its dataset yields; DomainError where its rows are not its observations.

    ``lake_end_us`` is the newest event time that the lake holds, None where nothing of it is needed;
    ``request_fields`` are the columns beside keys, time and label that the model's request-time features need, with
    their declared types.
    """
    spec = domain.models[model]
    kinds = key_types(plan, spec.service)
    if spec.dataset is None:
        assert lake_end_us is not None, "labels.sql is run over the lake"
        found = _of_lake(tables, plan, domain, model, lake_end_us, [*request_fields, *spec.beside])
    else:
        found = dataset_table(domain, model, spec.dataset, {**kinds, **request_fields}, spec.beside)
    where, table, at_us, origin = found
    require_known(where, table, tuple(kinds) if spec.task in UNSUPERVISED else (LABEL, *kinds))
    if lake_end_us is not None:
        _require_told(where, spec, at_us, lake_end_us)
    return Observations(
        at_us=at_us,
        labels=_labels(where, table[LABEL], spec) if LABEL in table.column_names else np.full(len(at_us), np.nan),
        keys={
            name: declared_column(f"{where}: {name}", table[name], kind).combine_chunks()
            for name, kind in kinds.items()
        },
        request={name: _request_column(where, table[name], name, kind) for name, kind in request_fields.items()},
        beside=beside_of(where, table, spec.beside, tuple(kinds)),
        origin=origin,
    )


def key_types(plan: Plan, service: str) -> dict[str, ColumnType]:
    """Join keys of all views of a service, each once, with their types; none where it has no views."""
    return {key.name: key.type for view in plan.views_of_service(service) for key in view.keys}


def _of_lake(
    tables: EventTables, plan: Plan, domain: Domain, model: str, lake_end_us: int, others: Sequence[str]
) -> ObservedTable:
    """Run ``labels.sql``."""
    query = label_query(plan, domain, model, lake_end_us)
    where, keys = query.where, query.keys
    with tables.sql(plan.sources) as connection:
        table = query.run(connection)
    needed = [TIME, LABEL, *keys, *others]
    if domain.models[model].task in UNSUPERVISED and LABEL not in table.column_names:
        needed.remove(LABEL)
    _require_rows(where, table, needed)
    require_known(where, table, (TIME,))
    return ObservedTable(where, table, pc.cast(table[TIME], INSTANT).cast(pa.int64()).to_numpy(), None)


def _require_rows(where: str, table: pa.Table, needed: Sequence[str]) -> None:
    found, wanted = sorted(table.column_names), sorted(set(needed))
    if found != wanted:
        raise DomainError(where, f"yields the columns {found}, the model needs {wanted}", "add or remove what differs")
    if table.num_rows == 0:
        raise DomainError(where, "yields no observation", "is the history longer than one label horizon?")
    time_type = table[TIME].type
    if not pa.types.is_timestamp(time_type) or time_type.tz is None:
        raise DomainError(f"{where}: {TIME}", f"is {time_type}", "make it TIMESTAMPTZ")


def _require_told(where: str, spec: ModelSpec, at_us: np.ndarray, lake_end_us: int) -> None:
    """DomainError where the lake ends before an outcome, or before the events that a feature is computed from."""
    if spec.dataset is None:
        late = int(np.sum(at_us + spec.horizon_us > lake_end_us))
        problem, remedy = f"labels {late} rows whose horizon passes the lake's end", "compare with $lake_end"
    else:
        late = int(np.sum(at_us > lake_end_us))
        problem, remedy = f"has {late} rows after the lake's end", "leave them out until their events are there"
    if late:
        raise DomainError(where, problem, remedy)


def _labels(where: str, column: pa.ChunkedArray[Any], spec: ModelSpec) -> np.ndarray:
    """Outcomes as doubles: 0 and 1, numbers of classes (which SQL may name), or values; NaN is one that is unknown.

    Where names of classes are whole numbers, a number is a name: a CSV file does not tell them apart.
    """
    try:
        if spec.task == "multiclass" and any(name.isdecimal() for name in spec.classes):
            column = column if pa.types.is_string(column.type) else column.cast(pa.int64()).cast(pa.string())
        if spec.task == "multiclass" and pa.types.is_string(column.type):
            return _places(where, column, spec.classes)
        labels = np.asarray(column.cast(pa.float64()).to_numpy())
    except pa.ArrowException as error:
        raise DomainError(f"{where}: {LABEL}", f"is no number ({error})", "make it a number") from error
    if spec.task in UNSUPERVISED:  # it stands beside, and of clusters it may be any number
        if spec.task == "anomaly" and not np.isin(labels[~np.isnan(labels)], (0.0, 1.0)).all():
            raise DomainError(f"{where}: {LABEL}", "holds values other than 0 and 1", "an anomaly is 1, null unknown")
    elif spec.task == "regression":
        if not np.isfinite(labels).all():
            raise DomainError(f"{where}: {LABEL}", "holds NaN or infinity", "leave those rows out")
        if (np.abs(labels) > _LARGEST).any():
            raise DomainError(
                f"{where}: {LABEL}", f"is beyond {_LARGEST:g} somewhere, of which squares are no numbers", "scale it"
            )
    elif not np.isin(labels, np.arange(spec.n_classes)).all():
        numbered = f"0 to {spec.n_classes - 1}" if spec.task == "multiclass" else "0 and 1"
        raise DomainError(f"{where}: {LABEL}", f"holds values other than {numbered}", f"a {spec.task} label is these")
    return labels


def _places(where: str, names: pa.ChunkedArray[Any], classes: Sequence[str]) -> np.ndarray:
    numbers: Any = pc.index_in(names, pa.array(classes))
    if numbers.null_count:
        raise DomainError(f"{where}: {LABEL}", "names what is no class", f"the classes are {list(classes)}")
    return np.asarray(numbers.cast(pa.float64()).to_numpy())


def _request_column(
    where: str, column: pa.ChunkedArray[Any], name: str, kind: ColumnType
) -> list[KeyValue | float | bool | None]:
    """Values as a request supplies them: of the declared type, instants in microseconds."""
    typed = declared_column(f"{where}: {name}", column, kind)
    return list((typed.cast(pa.int64()) if kind == "timestamp" else typed).to_pylist())
