"""Tag ``sources`` of a `StreamFeatureView` → the further topics whose events feed it.

Feast lets a stream view name one source; the tag names others, by the names of their `KafkaSource` objects. Each topic
keeps its own format, retention and limits; the columns that the view needs must mean the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from feast import KafkaSource

from features.errors import DomainError
from features.plan import MaskPlan, SourcePlan

TAG = "sources"


def stream_source_of(view: Any) -> Any:
    """The Kafka source that a view is declared with; DomainError when it reads anything else."""
    source = view.stream_source
    if not isinstance(source, KafkaSource):
        raise DomainError(f"StreamFeatureView {view.name}: source", f"is {type(source).__name__}", "use a KafkaSource")
    return source


def topics_of(view: Any, declared: Iterable[Any]) -> tuple[str, ...]:
    """Topics of a view: that of its own source, then those of the sources that its tag names, in order of name."""
    where = f"StreamFeatureView {view.name}"
    own = stream_source_of(view)
    topics = {str(source.name): str(source.kafka_options.topic) for source in declared}
    further: list[str] = []
    for name in _named(where, view.tags or {}):
        if name not in topics:
            raise DomainError(
                f"{where}: tag {TAG}",
                f"{name!r} is no KafkaSource of definitions.py",
                f"write names of sources, divided by commas; there are {sorted(topics)}",
            )
        if topics[name] in {str(own.kafka_options.topic), *further}:
            raise DomainError(f"{where}: tag {TAG}", f"{name!r} names topic {topics[name]} again", "name it once")
        further.append(topics[name])
    return (str(own.kafka_options.topic), *sorted(further))


def check_alike(where: str, columns: Iterable[str], masks: Iterable[MaskPlan], sources: Sequence[SourcePlan]) -> None:
    """Refuse a view whose topics do not all have the columns that it needs, or mean other values by them."""
    needed = dict.fromkeys([*columns, *(mask.where for mask in masks)])
    first = sources[0]
    for other in sources[1:]:
        known = {column.name: column for column in other.stored}
        for column in (first.column(name) for name in needed):
            theirs = known.get(column.name)
            if theirs is None:
                raise DomainError(
                    f"{where}: tag {TAG}",
                    f"topic {other.topic} has no column {column.name!r}, which the view needs",
                    f"add it to that source's schema, or derive it there (tag derive.{column.name})",
                )
            if (theirs.type, theirs.decimals) != (column.type, column.decimals):
                raise DomainError(
                    f"{where}: tag {TAG}",
                    f"{column.name} is {_told(column)} in topic {first.topic} and {_told(theirs)} in {other.topic}",
                    "declare both alike, their decimals too, or derive one column that both have",
                )


def _named(where: str, tags: Mapping[str, str]) -> list[str]:
    for tag in tags:
        if tag != TAG and get_close_matches(tag, [TAG], cutoff=0.7):
            raise DomainError(f"{where}: tags", f"{tag!r} is no tag of the engine", f"did you mean {TAG}?")
    return [name.strip() for name in tags[TAG].split(",")] if TAG in tags else []


def _told(column: Any) -> str:
    return column.type if column.decimals is None else f"{column.type} with {column.decimals} decimals"
