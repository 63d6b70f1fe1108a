"""Folds the lake again for given records: the second execution that a served number is held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.aggregates import EMPTY_MAX
from features.backfill import backfill
from features.lake import declared_name
from features.nouns import FeatureValue, ScoreRecord, ViewReading
from features.plan import EntityKeyPlan, SourcePlan, ViewPlan
from features.vector import ViewValues

ROW = EntityKeyPlan(name="__row", type="int64")
"""Each folded row is an entity of its own, so that the backfill folds exactly the events that its positions allow."""

GRACE_US = 60_000_000
"""How long the stream may take from Kafka to the store before an event counts as unseen."""

UNKNOWN = EMPTY_MAX
"""Newest event time of a row without events."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_POSITION_FIELDS = (pa.field("log", pa.string()), pa.field("partition", pa.int32()), pa.field("offset", pa.int64()))


class Folded(NamedTuple):
    """One view of many rows, proven: finished values by feature, and the newest event times (`UNKNOWN`: no event)."""

    view: ViewPlan
    values: Sequence[Sequence[FeatureValue]]
    newest_us: npt.NDArray[np.int64]

    def row(self, i: int) -> ViewValues:
        """One row, as the vector is assembled from it."""
        newest_us = int(self.newest_us[i])
        return ViewValues(self.values[i], None if newest_us == UNKNOWN else newest_us)


def fold_records(records: Sequence[ScoreRecord], view: ViewPlan, source: SourcePlan, events: pa.Table) -> Folded:
    """Fold, for each record, its entity's events at or below its positions, and finish them at its instant.

    Parameters
    ----------
    records
        What was served.
    view, source
        Which view of it to fold.
    events
        The valid events of the view, from the lake.

    Returns
    -------
    Folded
        A row a record. Records that stand on the same events, as those of one entity in one batch do, are folded once.

    """
    stood: dict[tuple[Any, ...], int] = {}
    first: list[ScoreRecord] = []
    rows = []
    for record in records:
        row = stood.setdefault(_standing(record, view), len(stood))
        if row == len(first):
            first.append(record)
        rows.append(row)
    as_of_us = np.array([record.as_of_us for record in records], np.int64)
    return fold_rows(join_records(first, view, events), np.array(rows, np.int64), as_of_us, view, source)


def fold_rows(
    events: pa.Table, rows: npt.NDArray[np.int64], as_of_us: npt.NDArray[np.int64], view: ViewPlan, source: SourcePlan
) -> Folded:
    """Fold a table of events by its column ``__row``, and finish each at the greater of ``as_of`` and newest event.

    Parameters
    ----------
    events
        Events as `features.lake` reads them, and the number of the row that each belongs to.
    rows, as_of_us
        Which row to finish, and when; a row may be finished at many instants.
    view, source
        Which view to fold.

    """
    newest_us = np.full(int(rows.max(initial=-1)) + 1, UNKNOWN, np.int64)
    np.maximum.at(newest_us, events.column(ROW.name).to_numpy(), events.column("event_us").to_numpy())
    by_row = msgspec.structs.replace(view, keys=(ROW,))
    columns = backfill(by_row, source, events, {ROW.name: rows}, np.maximum(as_of_us, newest_us[rows]))
    features = [
        [value if valid else None for value, valid in zip(values.tolist(), valids.tolist(), strict=True)]
        for values, valids in ((columns.values[name], columns.valid[name]) for name in view.feature_names)
    ]
    return Folded(view, list(zip(*features, strict=True)), newest_us[rows])


def join_records(records: Sequence[ScoreRecord], view: ViewPlan, events: pa.Table) -> pa.Table:
    """Rows of the lake at or below each record's positions, with the record's number as ``__row``.

    Of their columns only those by which they are ordered and that the view aggregates: an event of an entity that was
    scored often is there often.
    """
    names = [declared_name(key.name) for key in view.keys]
    read = ("log", "partition", "offset", "event_us", *(declared_name(feature.column) for feature in view.features))
    cuts = [
        (i, *(record.entity.get(key.name) for key in view.keys), *position)
        for i, record in enumerate(records)
        for position in _positions(record, view)
    ]
    query = (
        "select c.__row, "  # noqa: S608 - names of the plan
        + ", ".join(f'e."{name}"' for name in dict.fromkeys(read))
        + " from events e join cuts c on e.log = c.log and e.partition = c.partition"
        f' and e."offset" <= c."offset" and {_same_entity(names)} order by c.__row, e.log, e.partition, e."offset"'
    )
    return _query(query, events=events, cuts=_table(cuts, names, events, *_POSITION_FIELDS))


def unseen(records: Sequence[ScoreRecord], view: ViewPlan, events: pa.Table) -> set[int]:
    """Numbers of the records that lack an event of theirs, though it was in Kafka well before (``GRACE_US``)."""
    names = [declared_name(key.name) for key in view.keys]
    reading = [(i, record) for i, record in enumerate(records) if reading_of(record, view.name) is not None]
    asked = [
        (i, *(record.entity.get(key.name) for key in view.keys), (record.scored_at - _EPOCH) // _MICROSECOND - GRACE_US)
        for i, record in reading
    ]
    cuts = [(i, *position) for i, record in reading for position in _positions(record, view)]
    query = (
        f"select distinct a.__row from events e join asked a on e.kafka_us < a.before_us and {_same_entity(names, 'a')}"  # noqa: S608 - names of the plan
        " left join cuts c on c.__row = a.__row and c.log = e.log and c.partition = e.partition"
        ' where c."offset" is null or c."offset" < e."offset"'
    )
    found = _query(
        query,
        events=events,
        asked=_table(asked, names, events, pa.field("before_us", pa.int64())),
        cuts=_table(cuts, (), events, *_POSITION_FIELDS),
    )
    numbers: list[Any] = found.column(ROW.name).to_pylist()
    return set(numbers)


def _same_entity(names: Sequence[str], alias: str = "c") -> str:
    return " and ".join(f'e."{name}" = {alias}.k{i}' for i, name in enumerate(names))


def _table(rows: Sequence[tuple[Any, ...]], keys: Sequence[str], events: pa.Table, *others: pa.Field[Any]) -> pa.Table:
    """Rows that begin with a record's number and the values of these columns of the events."""
    fields: list[Any] = [pa.field(ROW.name, pa.int64())]
    fields += [pa.field(f"k{i}", events.schema.field(name).type) for i, name in enumerate(keys)]
    fields += others
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _query(query: str, **tables: pa.Table) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, table in tables.items():
            connection.register(name, table)
        answer: pa.Table = connection.sql(query).to_arrow_table()
        return answer


def _standing(record: ScoreRecord, view: ViewPlan) -> tuple[Any, ...]:
    """What decides which events a record stands on: its entity and its positions."""
    return (*(record.entity.get(key.name) for key in view.keys), *sorted(map(tuple, _positions(record, view))))


def _positions(record: ScoreRecord, view: ViewPlan) -> Sequence[tuple[str, int, int]]:
    reading = reading_of(record, view.name)
    return reading.positions if reading is not None else ()


def reading_of(record: ScoreRecord, view: str) -> ViewReading | None:
    """The record's reading of a view; None where its service does not use it."""
    return next((reading for reading in record.views if reading.view == view), None)
