"""What the labels of a new domain are like, before anything is learned from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from features.errors import DomainError


class Outcomes(NamedTuple):
    """Observations from first to last, and what the automatic checks can ask for at least."""

    rows: int
    first_us: int
    last_us: int
    least: float
    why: str


def measure_outcomes(connection: Any, labels: str, lake_end_us: int, *, of: str) -> Outcomes:
    """Run the labels' SQL; DomainError where there is nothing to learn."""
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=lake_end_us)
    connection.execute(f"CREATE TEMP TABLE observations AS {labels}", {"lake_end": end})
    rows, distinct, first_us, last_us = connection.execute(
        "SELECT count(*), count(DISTINCT label), epoch_us(min(event_timestamp)), epoch_us(max(event_timestamp))"
        " FROM observations"
    ).fetchone()
    if distinct < 2:
        raise DomainError(
            "DATASET_SOURCE",
            f"all of {rows:,} observations have one label: there is nothing to learn",
            "name another --target, or another --horizon",
        )
    if of == "regression":
        return Outcomes(rows, first_us, last_us, 0.0, "r2: always naming the mean has 0")
    (least,) = connection.execute(
        "SELECT min(share) FROM (SELECT max(n) / sum(n) AS share FROM (SELECT event_timestamp, label, count(*) AS n"
        " FROM observations GROUP BY ALL) GROUP BY event_timestamp)"
    ).fetchone()
    floor = int(least * 100) / 100
    return Outcomes(
        rows, first_us, last_us, floor, f"always naming the commoner outcome has {floor:.2f} or more at every instant"
    )
