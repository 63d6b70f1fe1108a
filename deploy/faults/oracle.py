"""The features of every account by definition, in DuckDB over what was sent: none of the engine's arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

import duckdb

from deploy.faults.payments import EVENTS_EVER
from features.nouns import Partition
from features.plan import AggregatePlan, ViewPlan

CENTS: Final = 100
_PARTS: Final = {"n": "count(cents)", "total": "sum(cents)", "least": "min(cents)", "most": "max(cents)"}

VALID: Final = "sent AS (SELECT * FROM read_parquet($files) WHERE reason = '')"
LAST: Final = f'WITH {VALID} SELECT account, log, partition, max("offset") FROM sent GROUP BY ALL'  # noqa: S608 - both are here


class Expected(NamedTuple):
    """One account, as it must stand: values seen one microsecond after its newest event, and the last positions."""

    newest_us: int
    n_events: int
    values: list[int | float | None]
    positions: dict[Partition, int]


def expected_states(files: str, view: ViewPlan) -> dict[int, Expected]:
    """Every account that a valid event was sent of."""
    windows = {(feature.window_us, feature.hop_us) for feature in view.features}
    parts = {
        _part(name, *window): f'{sql} FILTER (WHERE {_inside(*window)}) AS "{_part(name, *window)}"'
        for window in windows
        for name, sql in _PARTS.items()
    }
    with duckdb.connect() as connection:
        answer = connection.execute(
            f"WITH {VALID}, newest AS (SELECT account, max(paid_us) AS newest_us FROM sent GROUP BY account)"  # noqa: S608 - names of the plan
            " SELECT account, any_value(newest_us) AS newest_us, count(*) AS n_events,"
            f" {', '.join(parts.values())} FROM sent JOIN newest USING (account) GROUP BY account",
            {"files": files},
        )
        names = [column[0] for column in answer.description]
        rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        positions: dict[int, dict[Partition, int]] = {}
        for account, log, partition, offset in connection.execute(LAST, {"files": files}).fetchall():
            positions.setdefault(account, {})[log, partition] = offset
    return {
        row["account"]: Expected(
            row["newest_us"],
            row["n_events"],
            [_finished(feature, row) for feature in view.features],
            positions[row["account"]],
        )
        for row in rows
    }


def _part(name: str, window_us: int | None, hop_us: int | None) -> str:
    return f"{name} over {window_us} by {hop_us}"


def _inside(window_us: int | None, hop_us: int | None) -> str:
    """Whether an event lies in the window as it is seen one microsecond after the newest; times are positive."""
    if window_us is None:
        return "true"
    return f"paid_us >= (newest_us + 1 - {window_us}) // {hop_us} * {hop_us}"


def _finished(feature: AggregatePlan, row: Mapping[str, Any]) -> int | float | None:
    """The one rounding."""
    if feature == EVENTS_EVER:
        return int(row["n_events"])
    n, total, least, most = (row[_part(name, feature.window_us, feature.hop_us)] for name in _PARTS)
    match feature.function:
        case "count":
            return int(n)
        case "sum":
            return float(Fraction(int(total or 0), CENTS))
        case "mean":
            return float(Fraction(int(total), CENTS * n)) if n else None
        case "min" | "max":
            extreme = least if feature.function == "min" else most
            return None if extreme is None else float(Fraction(int(extreme), CENTS))
        case _:
            raise NotImplementedError(feature.function)
