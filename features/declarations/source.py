"""`KafkaSource` → `SourcePlan`: which records of a topic are valid, and what their columns are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from features.declarations.derived import compile_derived, try_on_samples
from features.declarations.function_text import function_text
from features.declarations.message_format import compile_message_format
from features.durations import parse_duration_us
from features.errors import DomainError
from features.plan import NUMERIC, ColumnPlan, ColumnType, DerivedPlan, SourcePlan

DEFAULT_DECIMALS = 6
DEFAULT_MAX_AHEAD = "1h"
MAX_DECIMALS = 15
ENGINE_TOPICS = "millstream."
TAGS = ("decimals", "derive", "max_ahead", "retention", "wire")

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class Folder(NamedTuple):
    """What a domain's folder holds besides its declarations: ``transforms.py``, as functions by name and as text."""

    repo: Path
    functions: Mapping[str, Callable[..., Any]]
    text: str


def compile_source(source: Any, join_keys: frozenset[str], folder: Folder) -> SourcePlan:
    """Check one source and put it into the plan's form; join keys are identifiers and stay unquantised."""
    where = f"KafkaSource {source.name}"
    topic = str(source.kafka_options.topic)
    if not _TOPIC.fullmatch(topic) or topic.startswith(ENGINE_TOPICS):
        raise DomainError(
            f"{where}: topic",
            f"{topic!r} cannot be used",
            f"name a Kafka topic that does not begin with {ENGINE_TOPICS}",
        )
    _refuse_what_is_ignored(where, source)
    message_format = compile_message_format(where, source, folder.repo)
    types = message_format.columns
    derived = compile_derived(where, source.tags, types, folder.functions, join_keys)
    all_types = types | {name: (column.type, column.nullable) for name, column in derived.items()}
    columns = {
        column.name: column
        for column in _quantised(where, all_types, _decimals(where, source.tags, all_types), join_keys)
    }
    timestamp = str(source.timestamp_field or "")
    if timestamp not in types or types[timestamp] != ("timestamp", False):
        raise DomainError(
            f"{where}: timestamp_field",
            f"{timestamp!r} is no `timestamp not null` column of its schema",
            "declare the event time so",
        )
    plan = SourcePlan(
        topic=topic,
        timestamp_column=timestamp,
        columns=tuple(columns[name] for name in types),
        max_ahead_us=_max_ahead_us(where, source.tags),
        derived=tuple(
            DerivedPlan(
                name=name,
                type=column.type,
                nullable=column.nullable,
                decimals=columns[name].decimals,
                function=column.function,
                parameters=column.parameters,
            )
            for name, column in derived.items()
        ),
        functions=function_text(folder.text, [column.function for column in derived.values()]),
        format=message_format.format,
        wire=message_format.wire,
    )
    try_on_samples(plan)
    return plan


def _refuse_what_is_ignored(where: str, source: Any) -> None:
    """Refuse options of Feast that would have no effect here, rather than ignore them in silence."""
    if source.kafka_options.watermark_delay_threshold:
        raise DomainError(
            f"{where}: watermark_delay_threshold",
            "would promise that late events are dropped; the engine drops none, a late event goes into its window",
            "remove it; the tag max_ahead limits events ahead of their time",
        )
    if source.field_mapping:
        raise DomainError(f"{where}: field_mapping", "is not applied to events", "declare columns by their own names")
    if source.created_timestamp_column:
        raise DomainError(
            f"{where}: created_timestamp_column", "is not used: two equal rows are two events", "remove it"
        )


def _decimals(
    where: str, tags: Mapping[str, str], types: Mapping[str, tuple[ColumnType, bool]]
) -> dict[str, int | None]:
    """Tags ``decimals.<column>``: how many decimals a number keeps; ``none`` for an identifier."""
    decimals: dict[str, int | None] = {}
    for tag, text in tags.items():
        head, dot, column = tag.partition(".")
        if head != "decimals" or not dot:
            near = get_close_matches(head, TAGS, cutoff=0.7)
            if near and tag != near[0] and head != "derive":
                raise DomainError(f"{where}: tags", f"{tag!r} is no tag of the engine", f"did you mean {near[0]}?")
            continue
        if column not in types or types[column][0] not in NUMERIC:
            raise DomainError(f"{where}: tag {tag}", "names no numeric column", "correct its name")
        if text == "none":
            decimals[column] = None
        elif text.isdecimal() and int(text) <= (0 if types[column][0].startswith("int") else MAX_DECIMALS):
            decimals[column] = int(text)
        else:
            raise DomainError(
                f"{where}: tag {tag}",
                f"is {text!r}",
                f"write a whole number up to {MAX_DECIMALS} (0 for integers), or none for an identifier",
            )
    return decimals


def _quantised(
    where: str,
    types: Mapping[str, tuple[ColumnType, bool]],
    decimals: Mapping[str, int | None],
    join_keys: frozenset[str],
) -> tuple[ColumnPlan, ...]:
    """Columns with their quantisation: 0 decimals for integers, the default for floats, None for what is no number."""
    columns = []
    for name, (kind, nullable) in types.items():
        places: int | None = None
        if name in join_keys:
            if decimals.get(name) is not None:
                raise DomainError(f"{where}: tag decimals.{name}", "quantises a join key", "remove the tag")
        elif kind in NUMERIC:
            places = decimals.get(name, 0 if kind.startswith("int") else DEFAULT_DECIMALS)
        columns.append(ColumnPlan(name=name, type=kind, nullable=nullable, decimals=places))
    return tuple(columns)


def _max_ahead_us(where: str, tags: Mapping[str, str]) -> int:
    """Tag ``max_ahead``: how far an event's own time may lie ahead of its Kafka timestamp."""
    try:
        return parse_duration_us(tags.get("max_ahead", DEFAULT_MAX_AHEAD))
    except ValueError as error:
        raise DomainError(f"{where}: tag max_ahead", str(error), "write a whole number and a unit") from None
