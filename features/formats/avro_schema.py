"""Avro schemas as data: which fields are columns, and where to find them in a record that another schema wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from features.plan import ColumnType

Schema = dict[str, Any]

_TYPES: Final[Mapping[str, ColumnType]] = MappingProxyType(
    {
        "string": "string",
        "int": "int32",
        "long": "int64",
        "float": "float32",
        "double": "float64",
        "boolean": "bool",
        "enum": "string",
    }
)
INSTANTS_US: Final[Mapping[str, int]] = MappingProxyType({"timestamp-millis": 1_000, "timestamp-micros": 1})
"""Logical types of instants, and how many microseconds one of their integers stands for."""


class AvroColumn(NamedTuple):
    """A field that is a column; ``logical`` is the logical type of an instant."""

    type: ColumnType
    nullable: bool
    logical: str | None


def avro_columns(schema: Schema) -> dict[str, AvroColumn]:
    """Fields of a record schema that are columns, by name: plain values, enums and instants, null or not."""
    found = {field["name"]: avro_column(field["type"]) for field in schema["fields"]}
    return {name: column for name, column in found.items() if column is not None}


def avro_column(kind: Any) -> AvroColumn | None:
    """A field's type as a column; None where it is none."""
    if isinstance(kind, list):
        others = [branch for branch in kind if branch != "null"]
        column = avro_column(others[0]) if len(others) == 1 else None
        return column and column._replace(nullable=column.nullable or len(kind) == 2)
    name, logical = (kind.get("type"), kind.get("logicalType")) if isinstance(kind, dict) else (kind, None)
    if name == "long" and logical in INSTANTS_US:
        return AvroColumn("timestamp", False, logical)
    if logical is not None or not isinstance(name, str) or name not in _TYPES:
        return None
    return AvroColumn(_TYPES[name], False, None)


def without_logical_types(schema: Any) -> Any:
    """The schema with plain types alone, so that instants are read as the integers that they are."""
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: value for key, value in schema.items() if key != "logicalType"}
    for key in ("type", "items", "values"):
        if key in plain:
            plain[key] = without_logical_types(plain[key])
    if "fields" in plain:
        plain["fields"] = [without_logical_types(field) for field in plain["fields"]]
    return plain


class Resolution(NamedTuple):
    """How the fields of a record become columns where the schema that wrote it is another: renamed, or by default."""

    renamed: tuple[tuple[str, str], ...]
    defaults: tuple[tuple[str, Any], ...]


def resolve(declared: Schema, names: Sequence[str], writer: Schema) -> Resolution:
    """What the columns of these names are called by the writer, and what stands for those that it does not have."""
    there = {field["name"] for field in writer["fields"]}
    renamed, defaults = [], []
    for field in declared["fields"]:
        name = field["name"]
        if name not in names or name in there:
            continue
        alias = next((alias for alias in field.get("aliases", ()) if alias in there), None)
        if alias is not None:
            renamed.append((alias, name))
        elif field.get("default") is not None:
            defaults.append((name, field["default"]))
    return Resolution(tuple(renamed), tuple(defaults))


def other_instants(declared: Schema, writer: Schema) -> Iterator[str]:
    """Columns of instants that two schemas count in different units, as a text for each."""
    theirs = {field["name"]: avro_column(field["type"]) for field in writer["fields"]}
    for field in declared["fields"]:
        ours = avro_column(field["type"])
        names = [name for name in (field["name"], *field.get("aliases", ())) if name in theirs]
        if ours is None or ours.logical is None or not names:
            continue
        other = theirs[names[0]]
        if other is None or other.logical != ours.logical:
            yield f"column {field['name']}: is no {ours.logical} there"
