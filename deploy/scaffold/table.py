"""A beginning from a file of events: its columns become the topic's schema, its numbers windowed features."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from deploy.scaffold.answers import OF_EVENTS, Answers
from deploy.scaffold.beginning import Beginning, Demo, ModelFacts
from deploy.scaffold.calendar import Calendar, length, make_calendar
from deploy.scaffold.columns import Column, Events, read_events
from deploy.scaffold.observations import begin_with_observations
from deploy.scaffold.outcomes import Outcomes, measure_outcomes
from deploy.scaffold.roles import find_entity, find_timestamp
from deploy.scaffold.target import Target, find_target
from deploy.scaffold.templates import render
from features.errors import DomainError

MAX_MEASURES = 12
MAX_NAMES = 6
EVER = "ever"
NOT_FOR_TOPICS = frozenset({"given", "observed", "known", "ahead", "observations"})
"""Names that the SQL of history and labels has for its own."""

KEY_TYPES = {"string": "String", "int": "Int32", "bigint": "Int64"}


class Used(NamedTuple):
    """Columns that features are made of: numbers, what names something, what is true or false."""

    measures: list[Column]
    names: list[Column]
    truths: list[Column]


def begin_with_table(path: Path, answers: Answers, url: str = "") -> Beginning:
    """Declarations for a file of events, or of observations; DomainError for any other.

    ``url`` is where the domain will find them, if not where the file is.
    """
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        events = read_events(connection, path, url)
        timed = answers.timestamp or answers.entity or any(column.type == "timestamp" for column in events.columns)
        if timed and answers.model_type in OF_EVENTS:
            if url:
                raise DomainError(url, "holds events, which begin as a file here", "download it, and name the file")
            return _begin(connection, events, answers)
        return begin_with_observations(connection, events, answers)


def begin_with_url(answers: Answers, scratch: Path) -> Beginning:
    """Declarations for observations that stand elsewhere, and stay there; ``scratch`` is a folder for a copy."""
    import pyarrow.parquet as pq

    from offline_training.sources import address_of, read_source

    copy, where = scratch / "rows.parquet", "DATASET_SOURCE"
    pq.write_table(read_source(where, address_of(where, answers.dataset_source), None, scratch, {}), copy)
    return begin_with_table(copy, answers, answers.dataset_source)


def _begin(connection: Any, events: Events, answers: Answers) -> Beginning:
    timestamp, entity = find_timestamp(events, answers.timestamp), find_entity(events, answers.entity)
    topic = _topic_name(events.path)
    select = render("table/history.sql.j2", events=events, entity=entity, timestamp=timestamp, given="given")
    connection.execute(f'CREATE TABLE "{topic}" AS {select}')
    rows, entities, first_us, last_us = connection.execute(
        f'SELECT count(*), count(DISTINCT "{entity.name}"), epoch_us(min("{timestamp.name}")),'  # noqa: S608 - quoted
        f' epoch_us(max("{timestamp.name}")) FROM "{topic}"'
    ).fetchone()
    if not rows:
        raise DomainError(events.where, "has no events", "bring some")
    if first_us is None or last_us is None:
        raise DomainError(f"{events.where}: {timestamp.name}", "is infinite in places", "leave such rows out")
    calendar = make_calendar(first_us, last_us, entities=entities, horizon_us=answers.horizon_us)
    target = find_target(
        connection,
        events,
        model_type=answers.model_type,
        said=answers.target,
        entity=entity,
        timestamp=timestamp,
        window=length(calendar.horizon_us),
    )
    labels = _labels_sql(topic, entity, timestamp, target, calendar)
    outcomes = measure_outcomes(connection, labels, last_us, of=target.task)
    used = _used(events, entity, timestamp)
    context = {
        "topic": topic,
        "events": events,
        "entity": entity,
        "entity_name": re.sub(r"_?id$", "", entity.name, flags=re.IGNORECASE) or entity.name,
        "key_type": KEY_TYPES[entity.type],
        "timestamp": timestamp,
        "view": f"{topic}_history",
        "used": used,
        "windows": [length(us) for us in calendar.windows_us],
        "model": target.model,
    }
    return Beginning(
        files={
            "definitions.py": render("table/definitions.py.j2", **context),
            "transforms.py": render("table/transforms.py.j2"),
            "labels.sql": labels,
            "data/make.py": render("table/data/make.py.j2", **context),
        },
        model=_model(context, events, target, calendar, outcomes),
        notes=tuple(_notes(events, rows)),
    )


def _labels_sql(topic: str, entity: Column, timestamp: Column, target: Target, calendar: Calendar) -> str:
    return render(
        "table/labels.sql.j2",
        topic=topic,
        entity=entity,
        timestamp=timestamp,
        target=target,
        horizon=length(calendar.horizon_us),
        step=length(calendar.step_us),
        start=_instant(calendar.start_us),
    )


def _used(events: Events, entity: Column, timestamp: Column) -> Used:
    """As many of each kind as a first model can do with."""
    others = [c for c in events.columns if c.name not in {entity.name, timestamp.name} and c.distinct > 1]
    return Used(
        measures=[column for column in others if column.is_measure][:MAX_MEASURES],
        names=[column for column in others if column.is_name][:MAX_NAMES],
        truths=[column for column in others if column.type == "boolean"][:MAX_NAMES],
    )


def _model(
    context: dict[str, Any], events: Events, target: Target, calendar: Calendar, outcomes: Outcomes
) -> ModelFacts:
    view, entity = context["view"], context["entity"]
    first, last = (datetime.fromtimestamp(us / 1e6, UTC) for us in (outcomes.first_us, outcomes.last_us))
    return ModelFacts(
        name=target.model,
        task=target.task,
        predicts=f"{target.sentence} in the {length(calendar.horizon_us)} that begin with the observation.",
        horizon=length(calendar.horizon_us),
        baseline=f"{view}:{target.baseline}",
        params={
            "num_iterations": 200,
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": max(10, min(1_000, outcomes.rows // 200)),
            "feature_fraction": 0.5,
            "lambda_l2": 10.0,
        },
        least=outcomes.least,
        why=outcomes.why,
        limitations=(
            f"Learned from {events.name} alone: what happened from {first:%Y-%m-%d} to {last:%Y-%m-%d}, as far as"
            f" its columns tell. A {entity.name} that has no event yet is unknown to it."
        ),
        ethics=(
            f"Nobody has judged yet whom a wrong prediction harms. Whether {entity.name} or another column stands for"
            " people, and which groups of them must be treated alike, is for the owner to say."
        ),
        demo=Demo(train_at=_at(calendar.train_at_us), score_at=tuple(map(_at, calendar.score_at_us))),
        decision=target.decision,
        classes=target.classes,
        test_span=length(calendar.test_span_us) if calendar.test_span_us else "0d",
        segments=(f"{view}:events_{EVER}",),
    )


def _notes(events: Events, rows: int) -> Iterator[str]:
    if rows < events.rows:
        yield f"{events.rows - rows:,} of {events.rows:,} rows are left out: they name no entity, or no time"
    if events.left_out:
        yield f"no topic can carry {', '.join(events.left_out)}: left out"
    for column in events.columns:
        if column.given != column.name:
            yield f"column {column.given} is called {column.name}"
        if column.decimals is None and column.type in {"int", "bigint", "double"}:
            yield f"{column.name} has numbers past 2^52: they are told apart, and not computed with"


def _topic_name(path: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")
    if not name:
        raise DomainError(str(path), "gives no name for the topic", "name the file in Latin letters and digits")
    return f"events_{name}" if name in NOT_FOR_TOPICS or not name[0].isalpha() else name


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC)


def _instant(us: int) -> str:
    return f"{_at(us):%Y-%m-%d %H:%M:%S}+00"
