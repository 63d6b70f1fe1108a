"""What is predicted of a file of events: how the next horizon is summed up, and what a label is of that."""

from __future__ import annotations

from typing import Any, NamedTuple

from deploy.scaffold.columns import Column, Events, literal
from deploy.scaffold.label import classes_of
from features.errors import DomainError

AHEAD = "ahead.outcome"


class Target(NamedTuple):
    """A label, in words and in SQL.

    ``outcome`` sums up the events of the horizon, ``label`` is what becomes of that; ``known_only`` leaves out
    observations without such events. ``baseline`` is a feature that may say much alone. ``decision`` is positive,
    negative.
    """

    model: str
    task: str
    sentence: str
    outcome: str
    label: str
    baseline: str
    decision: tuple[str, str] | None = None
    classes: tuple[str, ...] = ()
    known_only: bool = False


def find_target(
    connection: Any, events: Events, *, model_type: str, said: str, entity: Column, timestamp: Column, window: str
) -> Target:
    """The label of a classification or a regression; DomainError where the column named cannot be one."""
    if not said:
        return _silence(entity) if model_type == "classification" else _how_many(entity, window)
    column = events.column(said)
    if column.name in {entity.name, timestamp.name}:
        raise DomainError(f"--target {said}", "is the entity, or the time", "name a column that tells what happened")
    if model_type == "regression":
        return _sum(said, column, entity, window)
    if column.type == "boolean":
        return _any(column, entity)
    return _which(connection, column, entity, timestamp)


def _silence(entity: Column) -> Target:
    return Target(
        model="silence",
        task="binary",
        sentence=f"Whether a {entity.name} is not heard of again",
        outcome="count(*)",
        label=f"CAST(coalesce({AHEAD}, 0) = 0 AS INTEGER)",
        baseline="seconds_since_last_event",
        decision=("silent", "active"),
    )


def _how_many(entity: Column, window: str) -> Target:
    return Target(
        model="events_ahead",
        task="regression",
        sentence=f"How many events there are of a {entity.name}",
        outcome="count(*)",
        label=f"CAST(coalesce({AHEAD}, 0) AS DOUBLE)",
        baseline=f"events_{window}",
    )


def _sum(said: str, column: Column, entity: Column, window: str) -> Target:
    if column.decimals is None:
        raise DomainError(f"--target {said}", "is no number that can be added up", "name a column of amounts")
    return Target(
        model=f"{column.name}_ahead",
        task="regression",
        sentence=f"The sum of {column.name} over the events of a {entity.name}",
        outcome=f'sum(CAST(events."{column.name}" AS DECIMAL(38, {column.decimals})))',
        label=f"CAST(coalesce({AHEAD}, 0) AS DOUBLE)",
        baseline=f"{column.name}_sum_{window}" if column.is_measure else f"events_{window}",
    )


def _any(column: Column, entity: Column) -> Target:
    return Target(
        model=f"{column.name}_ahead",
        task="binary",
        sentence=f"Whether any event of a {entity.name} has {column.name}",
        outcome=f'bool_or(events."{column.name}")',
        label=f"CAST(coalesce({AHEAD}, false) AS INTEGER)",
        baseline=f"{column.name}_true_ever",
        decision=(column.name, f"no_{column.name}"),
    )


def _which(connection: Any, column: Column, entity: Column, timestamp: Column) -> Target:
    """The value of the next event: one of two, or one of several."""
    names = classes_of(connection, column)
    value, at = f'events."{column.name}"', f'events."{timestamp.name}"'
    facts: dict[str, Any] = {
        "model": f"next_{column.name}",
        "outcome": f"arg_min(CAST({value} AS VARCHAR), ({at}, {value}))",
        "baseline": "seconds_since_last_event",
        "known_only": True,
    }
    ahead = f"the next event of a {entity.name}, among those who have one,"
    if len(names) == 2:
        positive, negative = names
        return Target(
            task="binary",
            sentence=f"Whether {ahead} has the {column.name} {' '.join(positive.split())}",
            label=f"CAST({AHEAD} = {literal(positive)} AS INTEGER)",
            decision=(positive, negative),
            **facts,
        )
    return Target(
        task="multiclass",
        sentence=f"Which {column.name} {ahead} has",
        label=AHEAD,
        classes=tuple(sorted(names)),
        **facts,
    )
