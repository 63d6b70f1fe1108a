"""The columns of a file of events: what they are called and typed in a topic, and what the values are like."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from features.errors import DomainError
from features.lake.rows import POSITION_COLUMNS

MAX_DECIMALS = 6
EXACT = 2**52
NOT_FOR_EVENTS = frozenset({*POSITION_COLUMNS, "label", "event_timestamp", "at", "first_at", "outcome"})
"""Names that the lake, or the SQL of the labels, has for its own; so has Python some."""

NOT_FOR_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "null"})
"""Names that YAML takes for something else."""

_TYPES = {
    **dict.fromkeys(("VARCHAR", "UUID", "ENUM"), "string"),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"), "int"),
    **dict.fromkeys(("BIGINT", "UINTEGER"), "bigint"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL", "HUGEINT", "UBIGINT"), "double"),
    "BOOLEAN": "boolean",
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "timestamp"),
    **dict.fromkeys(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"), "timestamp"),
}
_SQL = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


class Column(NamedTuple):
    """One column of a topic, ``given`` under another name perhaps.

    ``read`` is the SQL that reads it; ``decimals`` of a number is None where it is never computed with.
    """

    name: str
    given: str
    type: str
    read: str
    nullable: bool
    distinct: int
    decimals: int | None = None

    @property
    def as_double(self) -> str:
        """The SQL that reads it as a number."""
        return self.read if self.type == "double" else f"CAST({self.read} AS DOUBLE)"

    @property
    def as_text(self) -> str:
        """The SQL that reads it as a text."""
        return self.read if self.type == "string" else f"CAST({self.read} AS VARCHAR)"

    @property
    def is_id(self) -> bool:
        """Whether its name says that its values name something."""
        return re.search(r"(^|_)(id|key|uuid|code|no|nr|number)$|[a-z]I[dD]$", self.name) is not None

    @property
    def is_measure(self) -> bool:
        """Whether its values can be added up."""
        return self.decimals is not None and not self.is_id

    @property
    def is_name(self) -> bool:
        """Whether its values name something."""
        return self.type == "string" or (self.is_id and self.type in {"int", "bigint"})


class Events(NamedTuple):
    """A file of events; ``where`` is what it is a copy of, or itself. ``left_out`` are columns no topic carries."""

    path: Path
    where: str
    reader: str
    rows: int
    columns: tuple[Column, ...]
    left_out: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return PurePosixPath(self.where.partition("?")[0]).name

    def column(self, name: str) -> Column:
        """The column of that name, as the file or as the topic has it."""
        for column in self.columns:
            if name.lower() in {column.name.lower(), column.given.lower()}:
                return column
        raise DomainError(self.where, f"has no column {name}", f"it has {', '.join(c.name for c in self.columns)}")


def read_events(connection: Any, path: Path, where: str = "") -> Events:
    """Look through a Parquet or CSV file; DomainError where it cannot be read, or is of no use as events."""
    import duckdb

    where = where or str(path.resolve())
    reader = "read_parquet" if path.suffix.lower() == ".parquet" else "read_csv"
    try:
        connection.execute(f"CREATE VIEW given AS FROM {reader}({literal(str(path.resolve()))})")
        described = connection.execute("DESCRIBE given").fetchall()
        kinds = {str(name): _type_of(kind) for name, kind, *_ in described}
        read = {name: _reading(name, kind) for name, kind in kinds.items() if kind is not None}
        columns = tuple(_look(connection, where, name, str(kinds[name]), sql) for name, sql in read.items())
        (rows,) = connection.execute("SELECT count(*) FROM given").fetchone()
    except duckdb.Error as error:
        raise DomainError(where, f"cannot be read ({error})", "see that it is Parquet or CSV") from error
    _require_names(where, columns)
    left_out = tuple(name for name in kinds if name not in read)
    return Events(path.resolve(), where, reader, rows, columns, left_out)


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _type_of(kind: str) -> str | None:
    """A topic's type for one of DuckDB's; None for lists, structures, bytes and the like."""
    return None if kind.endswith("]") else _TYPES.get(kind.partition("(")[0])


def _reading(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    cast = f"CAST({quoted} AS {_SQL[kind]})"
    return f"nullif({cast}, 'NaN'::DOUBLE)" if kind == "double" else cast


def _look(connection: Any, where: str, name: str, kind: str, read: str) -> Column:
    asked = [f"count(*) - count({read})", f"count(DISTINCT {read})"]
    if kind in {"int", "bigint", "double"}:
        asked += [f"max(abs({read}::DOUBLE))"]
    if kind == "double":
        asked += [f"bool_and(round({read}, {places}) = {read})" for places in range(MAX_DECIMALS)]
    nulls, distinct, *more = connection.execute(
        f"SELECT {', '.join(asked)} FROM given"  # noqa: S608 - names are quoted
    ).fetchone()
    decimals = _decimals(where, name, kind, more) if more else None
    return Column(_name_for(name), name, kind, read, nulls > 0, distinct, decimals)


def _decimals(where: str, name: str, kind: str, more: list[Any]) -> int | None:
    """As many as the values have; fewer where so many would not be exact; None where none would."""
    most, exact = float(more[0] or 0.0), more[1:]
    if most == float("inf"):
        raise DomainError(f"{where}: {name}", "is infinite in places", "leave such rows out, or write null")
    wanted = 0 if kind != "double" else next((places for places, holds in enumerate(exact) if holds), MAX_DECIMALS)
    return next((places for places in range(wanted, -1, -1) if most * 10**places < EXACT), None)


def _name_for(name: str) -> str:
    """The column's name in letters, digits and underscores, and none that is taken."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "column"
    plain = f"c_{plain}" if plain[0].isdigit() else plain
    taken = plain.lower() in NOT_FOR_EVENTS | NOT_FOR_YAML or keyword.iskeyword(plain)
    return f"{plain}_sent" if taken else plain


def _require_names(where: str, columns: tuple[Column, ...]) -> None:
    twice = next(_repeated(column.name.lower() for column in columns), None)
    if twice is not None:
        raise DomainError(where, f"has two columns that would be called {twice}", "rename one")


def _repeated(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)
