"""Asking the scorer about everybody, as a client outside would."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb

from features.domain import Domain
from features.errors import DomainError
from features.lake import Lake
from features.nouns import KeyValue
from features.plan import Plan
from millstream import BatchRow, Client, RowFailure, ScoreResult

CHUNK = 1_000
DEADLINE_S = 60.0

Scalar = KeyValue | float | bool | None


class Row(NamedTuple):
    """One question."""

    entity: Mapping[str, KeyValue]
    request: Mapping[str, Scalar]


class Round(NamedTuple):
    """The answers of one instant, in the order of the rows. ``call_s`` are the times of single calls."""

    as_of: datetime
    rows: Sequence[Row]
    scores: Sequence[float | None]
    errors: int
    behind_state: int
    call_s: Sequence[float]


def rows_at(lake: Lake, plan: Plan, domain: Domain, as_of: datetime) -> list[Row]:
    """Whom to ask about: the rows of ``demo.rows``, else every entity seen before that instant."""
    keys = keys_of(plan, domain)
    sql = domain.demo.rows or seen_before(plan, keys)
    with lake.sql(plan.sources) as connection:
        try:
            found = connection.sql(sql, params={"as_of": as_of}).to_arrow_table().to_pylist()
        except duckdb.Error as error:
            raise DomainError(
                f"{domain.repo / 'model.yaml'}: demo.rows", f"does not run ({error})", "mend it"
            ) from error
    return [Row({key: row.pop(key) for key in keys}, row) for row in found]


def count_entities(lake: Lake, plan: Plan, domain: Domain) -> int:
    """How many values of the model's join keys, each key by itself, the topics have had so far."""
    ever = {"as_of": datetime.max.replace(tzinfo=UTC)}
    with lake.sql(plan.sources) as connection:
        return sum(
            connection.sql(seen_before(plan, [key]), params=ever).to_arrow_table().num_rows
            for key in keys_of(plan, domain)
        )


def keys_of(plan: Plan, domain: Domain) -> list[str]:
    """Join keys of the demo's model, each once."""
    views = plan.views_of_service(domain.models[domain.demo.model].service)
    return list(dict.fromkeys(key.name for view in views for key in view.keys))


def seen_before(plan: Plan, keys: Sequence[str]) -> str:
    """SQL for the distinct keys of the topics that carry them all."""
    names = ", ".join(f'"{key}"' for key in keys)
    parts = [
        f'SELECT {names} FROM "{source.topic}" WHERE "{source.timestamp_column}" < $as_of'  # noqa: S608 - declared names
        for source in plan.sources
        if set(keys) <= {column.name for column in source.columns}
    ]
    return f"SELECT DISTINCT {names} FROM ({' UNION ALL '.join(parts)}) ORDER BY {names}"  # noqa: S608 - declared names


def ask_in_batches(
    client: Client, model: str, as_of: datetime, rows: Sequence[Row], progress: Callable[[int], None]
) -> Round:
    """Ask about all rows by `ScoreBatch`."""
    answers: list[ScoreResult | RowFailure] = []
    for begin in range(0, len(rows), CHUNK):
        chunk = [BatchRow(row.entity, request=row.request) for row in rows[begin : begin + CHUNK]]
        answers += client.score_batch(chunk, model=model, as_of=as_of, deadline_s=DEADLINE_S)
        progress(len(chunk))
    return to_round(as_of, rows, answers, ())


def ask_one_by_one(
    client: Client, model: str, as_of: datetime, rows: Sequence[Row], progress: Callable[[int], None]
) -> Round:
    """Ask about all rows by single `Score` calls, one after another, and time each."""
    from features.errors import MillstreamError

    answers: list[Any] = []
    call_s = []
    for row in rows:
        began = time.perf_counter()
        try:
            answers.append(client.score(row.entity, model=model, as_of=as_of, request=row.request))
        except MillstreamError as error:
            answers.append(RowFailure(type(error).__name__, str(error)))
        call_s.append(time.perf_counter() - began)
        progress(1)
    return to_round(as_of, rows, answers, call_s)


def to_round(
    as_of: datetime, rows: Sequence[Row], answers: Sequence[ScoreResult | RowFailure], call_s: Sequence[float]
) -> Round:
    """Answers, counted."""
    good = [answer for answer in answers if isinstance(answer, ScoreResult)]
    return Round(
        as_of=as_of,
        rows=rows,
        scores=[answer.score if isinstance(answer, ScoreResult) else None for answer in answers],
        errors=len(answers) - len(good),
        behind_state=sum(any(note.reason == "as_of_behind_state" for note in answer.notes) for answer in good),
        call_s=call_s,
    )
