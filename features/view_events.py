"""The events of a view, from the lake: those of its topic, or of all of its topics as one table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.lake.rows import POSITION_COLUMNS, declared_name
from features.nouns import Partition
from features.plan import Plan, SourcePlan, ViewPlan


class EventLake(Protocol):
    """The part of the lake that events are read from."""

    def read(
        self,
        source: SourcePlan,
        *,
        upto: Mapping[Partition, int] | None = None,
        keep: Callable[[pa.Table], pa.Table] | None = None,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        """Valid events, each once, in the order (log, partition, offset)."""
        ...


def read_events(
    lake: EventLake,
    plan: Plan,
    view: ViewPlan,
    *,
    upto: Mapping[Partition, int] | None = None,
    keep: Callable[[pa.Table], pa.Table] | None = None,
) -> pa.Table:
    """Read the valid events of all topics of a view.

    Parameters
    ----------
    lake
        Where they are.
    plan, view
        A plan, and a view of it.
    upto, keep
        As `features.lake.Lake.read` has them.

    Returns
    -------
    pyarrow.Table
        As `join_events` gives it, with every declared column, sent, derived or masked, but not the raw values.

    """
    sources = [plan.source(topic) for topic in view.topics]
    tables = {
        source.topic: lake.read(source, upto=upto, keep=keep, columns=[column.name for column in source.row])
        for source in sources
    }
    return join_events(plan, view, tables)


def join_events(plan: Plan, view: ViewPlan, tables: Mapping[str, pa.Table]) -> pa.Table:
    """Put the events of a view's topics into one table.

    Parameters
    ----------
    plan, view
        A plan, and a view of it.
    tables
        Events by topic, as `features.lake.Lake.read` gives them, with at least the columns that the view needs; more
        topics than it has may be among them.

    Returns
    -------
    pyarrow.Table
        Events in the order (log, partition, offset), with those columns of ``plan.source_of(view)`` that all have: of
        a view with one topic the table as it was given.

    """
    if len(view.topics) == 1:
        return tables[view.topic]
    source = plan.source_of(view)
    names = [*POSITION_COLUMNS, *(declared_name(column.name) for column in source.columns)]
    names += [mask.name for mask in source.masks]
    names = [name for name in names if all(name in tables[topic].column_names for topic in view.topics)]
    logs = [log for topic in view.topics for log in _by_log(tables[topic])]
    logs.sort(key=lambda log: log[0])  # a log is of one topic, so none is cut
    parts = [tables[topic].slice(0, 0) for topic in view.topics] + [table for _, table in logs]
    return pa.concat_tables([part.select(names) for part in parts]).unify_dictionaries()


def _by_log(table: pa.Table) -> list[tuple[str, pa.Table]]:
    """The rows of each log, which stand together."""
    counted = pc.value_counts(table.column("log").unify_dictionaries())
    logs, lengths = counted.field("values").cast(pa.string()).to_pylist(), counted.field("counts").to_numpy()
    begins = np.cumsum(lengths) - lengths
    return [(str(log), table.slice(int(at), int(n))) for log, at, n in zip(logs, begins, lengths, strict=True)]
