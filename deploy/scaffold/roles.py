"""Which column of a file of events says whom it is about, which when it happened: as it was said, or as it is plain."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.scaffold.columns import Column, Events
from features.errors import DomainError

KEY_TYPES = frozenset({"string", "int", "bigint"})


def find_timestamp(events: Events, said: str) -> Column:
    """The column of event time: the one that was named, or the only instant."""
    if said:
        column = events.column(said)
        if column.type != "timestamp":
            raise DomainError(f"--timestamp {said}", f"is a {column.type}", "name a column of instants or dates")
        return column
    instants = [column for column in events.columns if column.type == "timestamp"]
    return _only(events, "timestamp", instants, "instants, or dates (CSV: such as 2024-02-01 13:45:00)")


def find_entity(events: Events, said: str) -> Column:
    """The column of the join key: the one that was named, or the only one that is called an id and repeats."""
    if said:
        column = events.column(said)
        if column.type not in KEY_TYPES:
            raise DomainError(f"--entity {said}", f"is a {column.type}", "name a column of texts or whole numbers")
        return column
    keys = [column for column in events.columns if column.type in KEY_TYPES and 1 < column.distinct < events.rows]
    return _only(events, "entity", [key for key in keys if key.is_id] or keys, "texts or whole numbers that repeat")


def _only(events: Events, role: str, found: Sequence[Column], wanted: str) -> Column:
    if len(found) != 1:
        problem = f"has {', '.join(column.name for column in found)}" if found else f"has no column of {wanted}"
        raise DomainError(events.where, f"{problem}: which is the {role}?", f"say --{role} COLUMN")
    return found[0]
