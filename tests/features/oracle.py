"""The features by definition, in DuckDB SQL: slow, and without a line of the engine's arithmetic.

Every observation is joined with every event of its entity before it; sums are HUGEINT, and a result is rounded once
by Python's exact integer division. Only the plan's declarations are shared with what it judges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import duckdb
import mmh3
import pyarrow as pa

from features.plan import AggregatePlan, ColumnPlan, SourcePlan, ViewPlan

FLOATS = ("float32", "float64")


def oracle(
    view: ViewPlan,
    source: SourcePlan,
    events: pa.Table,
    keys: Mapping[str, Sequence[Any]],
    at_us: Sequence[int],
    *,
    as_known: bool = False,
) -> tuple[dict[str, list[Any]], list[int | None]]:
    """Values of every feature at each observation (None is null), and the entity's newest event time before it.

    ``events`` has the columns as they were sent and derived, under their own names, and ``event_us``; its rows stand in
    the order of ties: by log, partition and offset. As known, it also has ``kafka_us``, and there is only what had
    arrived before the observation, whose windows end at the newest of that if it is later.
    """
    asked_us, newest_us = at_us, None
    if as_known:
        newest_us = _newest_known(view, events, keys, asked_us)
        at_us = [at if newest is None else max(at, newest) for at, newest in zip(asked_us, newest_us, strict=True)]
    arrived = "event.kafka_us < observed.asked_us" if as_known else "true"
    partials = {
        _partial(part, feature): _filtered(part, feature, source)
        for feature in view.features
        for part in PARTS[feature.function]
    }
    columns = ", ".join(f'{sql} AS "{name}"' for name, sql in partials.items())
    joined = " AND ".join(f'event."{key.name}" = observed."{key.name}"' for key in view.keys)
    observed = _observed(view, keys, at_us=at_us, asked_us=asked_us)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("PRAGMA disable_optimizer")  # planning a hundred aggregates takes longer than running them
        connection.register("events", events.append_column("place", pa.array(range(len(events)), pa.int64())))
        connection.register("observed", observed)
        result = connection.execute(
            f"SELECT max(event.event_us) AS newest_us, {columns} FROM observed LEFT JOIN events AS event "
            f"ON {joined} AND {arrived} AND event.event_us < observed.at_us "
            "GROUP BY observed.row_number ORDER BY observed.row_number"
        )
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    values = {
        feature.name: [
            _finished(feature, source.column(feature.column), row, at) for row, at in zip(rows, at_us, strict=True)
        ]
        for feature in view.features
    }
    return values, [row["newest_us"] for row in rows] if newest_us is None else newest_us


def _newest_known(
    view: ViewPlan, events: pa.Table, keys: Mapping[str, Sequence[Any]], at_us: Sequence[int]
) -> list[int | None]:
    """Newest event time of each observation's entity that had arrived by then, however far ahead of it."""
    joined = " AND ".join(f'event."{key.name}" = observed."{key.name}"' for key in view.keys)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("events", events)
        connection.register("observed", _observed(view, keys, at_us=at_us))
        rows = connection.execute(
            f"SELECT max(event.event_us) FROM observed LEFT JOIN events AS event ON {joined} "
            "AND event.kafka_us < observed.at_us GROUP BY observed.row_number ORDER BY observed.row_number"
        ).fetchall()
    return [newest_us for (newest_us,) in rows]


def _observed(view: ViewPlan, keys: Mapping[str, Sequence[Any]], **instants: Sequence[int]) -> pa.Table:
    """Observations by number: their instants and keys."""
    return pa.table(
        {
            "row_number": pa.array(range(len(next(iter(instants.values())))), pa.int64()),
            **{name: pa.array(column, pa.int64()) for name, column in instants.items()},
            **{
                key.name: pa.array(keys[key.name], pa.string() if key.type == "string" else pa.int64())
                for key in view.keys
            },
        }
    )


PARTS = {
    "count": ("n",),
    "sum": ("total",),
    "mean": ("n", "total"),
    "min": ("least",),
    "max": ("most",),
    "var": ("n", "total", "squares"),
    "std": ("n", "total", "squares"),
    "first": ("in_time",),
    "last": ("in_time",),
    "count_distinct": ("distinct",),
    "median": ("in_size",),
    "p1": ("in_size",),
    "p75": ("in_size",),
    "p90": ("in_size",),
    "p95": ("in_size",),
    "p99": ("in_size",),
    "ewma": ("weights", "weighted"),
    "seconds_since_last": ("last",),
    "seconds_since_first": ("first",),
}
"""Which SQL aggregates each function needs."""


def _partial(part: str, feature: AggregatePlan) -> str:
    """Name of an SQL column; features of one column and window share it."""
    return f"{part} of {feature.column} over {feature.window_us} by {feature.hop_us} weighed {feature.weights[:2]}"


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
        "squares": f"sum({number} * {number})",
        "in_time": f"list({number} ORDER BY event.event_us, event.place)",
        "in_size": f"list({number} ORDER BY {number})",
        "distinct": f"list(DISTINCT {whole if column.type in FLOATS else name})",
        "weights": f"sum({_weight(feature)})",
        "weighted": f"sum({_weight(feature)} * {number})",
        "last": "max(event.event_us)",
        "first": "min(event.event_us)",
    }[part]
    condition = f"{name} IS NOT NULL" + (f' AND event."{mask.where}" IS TRUE' if mask else "")
    if feature.window_us is not None:
        edge = f"(observed.at_us - {feature.window_us})"
        into_hop = f"((({edge} % {feature.hop_us}) + {feature.hop_us}) % {feature.hop_us})"
        condition += f" AND event.event_us >= {edge} - {into_hop}"
    return f"{sql} FILTER (WHERE {condition})"


def _weight(feature: AggregatePlan) -> str:
    """Weight of an event by the age of its tile, from the plan's table."""
    table = ", ".join(map(str, feature.weights))
    age = f"(observed.at_us // {feature.hop_us}) - (event.event_us // {feature.hop_us})"
    return f"CAST([{table}][{age} + 1] AS HUGEINT)"


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
        case "var" | "std":
            n, total, squares = int(part["n"]), int(part["total"] or 0), int(part["squares"] or 0)
            if n < 2:
                return None
            variance = float((squares - Fraction(total * total, n)) / (n - 1) / scale**2)
            return variance if feature.function == "var" else math.sqrt(variance)
        case "first" | "last":
            values = part["in_time"]
            return float(Fraction(int(values[-1 if feature.function == "last" else 0]), scale)) if values else None
        case "count_distinct":
            return distinct(part["distinct"] or ())
        case "ewma":
            weights = part["weights"]
            return float(Fraction(int(part["weighted"]), int(weights) * scale)) if weights else None
        case "seconds_since_last" | "seconds_since_first":
            then_us = part["last" if feature.function == "seconds_since_last" else "first"]
            return None if then_us is None else float(Fraction(at_us - then_us, 1_000_000))
        case _:  # median or a percentile
            values, percent = part["in_size"], 50 if feature.function == "median" else int(feature.function[1:])
            return (
                rounded_to_bucket(int(values[math.ceil(Fraction(percent * len(values), 100)) - 1]), scale)
                if values
                else None
            )


def rounded_to_bucket(value: int, scale: int) -> float:
    """What stands for a value: the harmonic mean of the ends of its bucket, which are at most 101 to 99 apart."""
    low = high = 0
    while high < abs(value):
        low = high + 1
        high = math.floor(Fraction(101 * low, 99))
    return math.copysign(Fraction(2 * low * high, (low + high) * scale), value) if value else 0.0


def distinct(values: Sequence[Any]) -> int:
    """Size of a set of values: itself to 64, else by HyperLogLog, straight from the papers."""
    if len(values) <= 64:
        return len(values)
    registers = [0] * 4096
    for value in values:
        bits = f"{hashed(value):064b}"
        register, rest = int(bits[:12], 2), bits[12:]
        registers[register] = max(registers[register], min(len(rest) - len(rest.lstrip("0")) + 1, 38))
    empty = Fraction(registers.count(0), 4096)
    sigma = power = empty
    weight = 1
    for _ in range(20):
        power = (power * power).limit_denominator(2**80)
        sigma, weight = sigma + power * weight, weight * 2
    total = 4096 * sigma + sum(Fraction(1, 2**rank) for rank in registers if rank)
    return round(4096**2 / (2 * Fraction("0.693147180559945309417232121458176568")) / total)


def hashed(value: Any) -> int:
    """64 bits: murmur3 of texts, splitmix64 of numbers."""
    if isinstance(value, str):
        return int(mmh3.hash64(value, signed=False)[0])
    if isinstance(value, datetime):
        value = round((value - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    state = (int(value) + 0x9E3779B97F4A7C15) % 2**64
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
    return state ^ (state >> 31)
