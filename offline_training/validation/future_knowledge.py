"""What ``labels.sql`` supplies at an instant must be the same whatever happens after it.

So it is run again on a lake that ends there: a request column that differs was computed from later events, and so was
the choice of an observation that is gone. Features of views need no such proof, for the engine computes them from the
events before the observation alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from features.plan import Plan, SourcePlan
from offline_training.dataset import newest_of
from offline_training.label_query import LabelQuery
from offline_training.training_table import LABEL, TIME
from offline_training.validation.finding import Finding

_ALL = "all of "


def future_knowledge(connection: Any, plan: Plan, query: LabelQuery, instants: int) -> Iterator[Finding]:
    """Each request column, and the choice of observations itself, that later events decide.

    ``connection`` has one view a topic; they are other views afterwards.
    """
    whole = query.run(connection)
    supplied = [name for name in whole.column_names if name not in {TIME, LABEL, *query.keys, *query.beside}]
    for source in plan.sources:
        connection.execute(f'ALTER VIEW "{source.topic}" RENAME TO "{_ALL}{source.topic}"')
    found: dict[str | None, Finding] = {}
    for at in moments(whole[TIME], instants):
        for source in plan.sources:
            connection.execute(
                f'CREATE OR REPLACE TEMP VIEW "{source.topic}" AS '  # noqa: S608 - names that the plan has checked
                f'SELECT * FROM "{_ALL}{source.topic}" WHERE "{source.timestamp_column}" <= TIMESTAMPTZ \'{at}\''
            )
        for column, n_rows in differences(whole, query.run(connection), at, query.keys, supplied):
            found.setdefault(column, _finding(column, n_rows, at))
    yield from found.values()


def lake_end_us(connection: Any, sources: Sequence[SourcePlan]) -> int:
    """Newest event time of all topics."""
    newest = [
        connection.execute(f'SELECT epoch_us(max("{source.timestamp_column}")) FROM "{source.topic}"').fetchall()  # noqa: S608
        for source in sources
    ]
    return newest_of(at_us for ((at_us,),) in newest if at_us is not None)


def moments(times: pa.ChunkedArray[Any], n: int) -> list[datetime]:
    """Instants at which some observation was made, evenly spread over the rows, none of them the last."""
    at = np.unique(times.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy())[:-1]
    chosen = np.unique(at[np.linspace(0, len(at) - 1, n + 2).astype(int)[1:-1]]) if len(at) else at
    instants: Any = pa.array(chosen, pa.timestamp("us", "UTC")).to_pylist()
    return list(instants)


def differences(
    whole: pa.Table, then: pa.Table, at: datetime, keys: Sequence[str], supplied: Sequence[str]
) -> Iterator[tuple[str | None, int]]:
    """How many rows up to an instant are others than they were then: gone (None), or with another value."""
    with duckdb.connect(":memory:") as compared:
        compared.execute("SET TimeZone = 'UTC'")
        compared.register("whole", whole)
        compared.register("cut", then)
        named = ", ".join(f'"{name}"' for name in (TIME, *keys))

        def n_missing(columns: str) -> int:
            past = f"WHERE \"{TIME}\" <= TIMESTAMPTZ '{at}'"
            missing = f"SELECT {columns} FROM whole {past} EXCEPT ALL SELECT {columns} FROM cut"  # noqa: S608
            ((count,),) = compared.execute(f"SELECT count(*) FROM ({missing})").fetchall()  # noqa: S608
            return int(count)

        gone = n_missing(named)
        if gone:
            yield None, gone
        for column in supplied:
            if (other := n_missing(f'{named}, "{column}"')) > gone:
                yield column, other - gone


def _finding(column: str | None, n_rows: int, at: datetime) -> Finding:
    then = f"{at:%Y-%m-%d %H:%M} UTC"
    if column is None:
        detail = f"{n_rows:,} of the observations up to {then} exist only by what happened later"
    else:
        detail = f"knows the future: {n_rows:,} of its values up to {then} are others on a lake that ends then"
    return Finding(check="leakage_future", column=column, detail=detail)
