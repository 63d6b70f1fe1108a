"""The features by definition, in DuckDB SQL: slow, and without a line of the engine's arithmetic.

Every observation is joined with every event of its entity before it; sums are HUGEINT, and a result is rounded once
by Python's exact integer division. Only the plan's declarations are shared with what it judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import duckdb
import pyarrow as pa

from features.plan import AggregatePlan, ColumnPlan, SourcePlan, ViewPlan

FLOATS = ("float32", "float64")


def oracle(
    view: ViewPlan, source: SourcePlan, events: pa.Table, keys: Mapping[str, Sequence[Any]], at_us: Sequence[int]
) -> tuple[dict[str, list[Any]], list[int | None]]:
    """Values of every feature at each observation (None is null), and the entity's newest event time before it.

    ``events`` has the columns as they were sent and derived, under their own names, and ``event_us``.
    """
    partials = {
        _partial(part, feature): _filtered(part, feature, source)
        for feature in view.features
        for part in PARTS[feature.function]
    }
    columns = ", ".join(f'{sql} AS "{name}"' for name, sql in partials.items())
    joined = " AND ".join(f'event."{key.name}" = observed."{key.name}"' for key in view.keys)
    observed = pa.table(
        {
            "row_number": pa.array(range(len(at_us)), pa.int64()),
            "at_us": pa.array(at_us, pa.int64()),
            **{
                key.name: pa.array(keys[key.name], pa.string() if key.type == "string" else pa.int64())
                for key in view.keys
            },
        }
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("PRAGMA disable_optimizer")  # planning a hundred aggregates takes longer than running them
        connection.register("events", events)
        connection.register("observed", observed)
        result = connection.execute(
            f"SELECT max(event.event_us) AS newest_us, {columns} FROM observed LEFT JOIN events AS event "
            f"ON {joined} AND event.event_us < observed.at_us GROUP BY observed.row_number ORDER BY observed.row_number"
        )
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    values = {
        feature.name: [
            _finished(feature, source.column(feature.column), row, at) for row, at in zip(rows, at_us, strict=True)
        ]
        for feature in view.features
    }
    return values, [row["newest_us"] for row in rows]


PARTS = {
    "count": ("n",),
    "sum": ("total",),
    "mean": ("n", "total"),
    "min": ("least",),
    "max": ("most",),
    "seconds_since_last": ("last",),
    "seconds_since_first": ("first",),
}
"""Which SQL aggregates each function needs."""


def _partial(part: str, feature: AggregatePlan) -> str:
    """Name of an SQL column; features of one column and window share it."""
    return f"{part} of {feature.column} over {feature.window_us} by {feature.hop_us}"


def _filtered(part: str, feature: AggregatePlan, source: SourcePlan) -> str:
    """One SQL aggregate over the events of the feature's window whose column is not null, and that its filter takes."""
    column = source.column(feature.column)
    mask = next((mask for mask in source.masks if mask.name == feature.column), None)
    name = f'event."{column.name if mask is None else mask.column}"'
    whole = f"CAST(round_even({name} * 1e{column.decimals or 0}, 0) AS HUGEINT)"
    number = whole if column.type in FLOATS else f"CAST({name} AS HUGEINT) * {10 ** (column.decimals or 0)}"
    sql = {
        "n": "count(*)",
        "total": f"sum({number})",
        "least": f"min({number})",
        "most": f"max({number})",
        "last": "max(event.event_us)",
        "first": "min(event.event_us)",
    }[part]
    condition = f"{name} IS NOT NULL" + (f' AND event."{mask.where}" IS TRUE' if mask else "")
    if feature.window_us is not None:
        edge = f"(observed.at_us - {feature.window_us})"
        into_hop = f"((({edge} % {feature.hop_us}) + {feature.hop_us}) % {feature.hop_us})"
        condition += f" AND event.event_us >= {edge} - {into_hop}"
    return f"{sql} FILTER (WHERE {condition})"


def _finished(feature: AggregatePlan, column: ColumnPlan, row: Mapping[str, Any], at_us: int) -> int | float | None:
    """The one rounding; nulls of an empty window are SQL's own."""
    part = {name: row[_partial(name, feature)] for name in PARTS[feature.function]}
    scale = 10 ** (column.decimals or 0)
    match feature.function:
        case "count":
            return int(part["n"])
        case "sum":
            return float(Fraction(int(part["total"] or 0), scale))
        case "mean":
            return float(Fraction(int(part["total"]), part["n"] * scale)) if part["n"] else None
        case "min" | "max":
            extreme = part["least" if feature.function == "min" else "most"]
            return None if extreme is None else float(Fraction(int(extreme), scale))
        case "seconds_since_last" | "seconds_since_first":
            then_us = part["last" if feature.function == "seconds_since_last" else "first"]
            return None if then_us is None else float(Fraction(at_us - then_us, 1_000_000))
        case _:
            raise NotImplementedError(feature.function)
