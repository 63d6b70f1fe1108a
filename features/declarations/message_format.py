"""The message format of a `KafkaSource` → how its records are read, and which columns they have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from feast.data_format import AvroFormat, JsonFormat, ProtoFormat

from features.declarations.avro_format import avro_schema
from features.declarations.names import check_column_name
from features.declarations.protobuf_format import protobuf_message
from features.errors import DomainError
from features.formats.avro_schema import avro_columns
from features.formats.protobuf_records import column_of, message_of
from features.lake.rows import POSITION_COLUMNS
from features.plan import AvroRecords, ColumnType, JsonRecords, ProtobufRecords

TYPES: Mapping[str, ColumnType] = MappingProxyType(
    {
        "string": "string",
        "int": "int32",
        "integer": "int32",
        "bigint": "int64",
        "long": "int64",
        "float": "float32",
        "double": "float64",
        "boolean": "bool",
        "timestamp": "timestamp",
    }
)
"""Names of types in Feast's ``schema_json`` of JSON, and what they are in the plan."""

WIRE_TAG = "wire"

_COLUMN = re.compile(r"\s*(\S+)\s+([a-z0-9]+)(\s+not\s+null)?\s*", re.IGNORECASE)

Columns = dict[str, tuple[ColumnType, bool]]
Wire = Literal["bare", "confluent"]


class MessageFormat(NamedTuple):
    """How records are read, and their columns: name → (type, nullable)."""

    format: JsonRecords | AvroRecords | ProtobufRecords
    wire: Wire
    columns: Columns


def compile_message_format(where: str, source: Any, repo: Path) -> MessageFormat:
    """Check a source's message format, and the tag that says what stands before each record."""
    declared, wire = source.kafka_options.message_format, _wire(where, source.tags)
    if isinstance(declared, JsonFormat):
        return MessageFormat(JsonRecords(), wire, _json_columns(f"{where}: schema_json", declared.schema_json))
    if isinstance(declared, AvroFormat):
        where = f"{where}: schema_json"
        schema = avro_schema(where, declared.schema_json)
        fields = {name: (column.type, column.nullable) for name, column in avro_columns(schema).items()}
        return MessageFormat(
            AvroRecords(schema=json.dumps(schema, separators=(",", ":"))), wire, _usable(where, fields)
        )
    if isinstance(declared, ProtoFormat):
        where = f"{where}: class_path"
        plan = protobuf_message(where, declared.class_path, repo)
        message = message_of(plan)
        found = {field.name: column_of(field) for field in message.fields}
        fields = {name: column for name, column in found.items() if column is not None}
        timestamp = str(source.timestamp_field or "")
        if timestamp in fields:  # a message has no field of messages that must be there: the declaration says so
            fields[timestamp] = (fields[timestamp][0], False)
        return MessageFormat(plan, wire, _usable(where, fields))
    raise DomainError(
        f"{where}: message_format",
        f"is {type(declared).__name__}",
        "use JsonFormat(schema_json=…), AvroFormat(schema_json=…) or ProtoFormat(class_path=…)",
    )


def _json_columns(where: str, schema_json: str) -> Columns:
    """Columns of Feast's schema text."""
    columns: Columns = {}
    for text in schema_json.split(","):
        match = _COLUMN.fullmatch(text)
        kind = TYPES.get(match[2].lower()) if match else None
        if match is None or kind is None:
            raise DomainError(
                where,
                f"cannot read {text.strip()!r}",
                f"write `name type [not null]` with one of {', '.join(sorted(TYPES))}, separated by commas",
            )
        check_column_name(where, match[1], columns)
        columns[match[1]] = (kind, match[3] is None)
    return columns


def _usable(where: str, fields: Columns) -> Columns:
    """Fields of a schema that others may have written: those whose names the lake uses itself are no columns."""
    columns: Columns = {}
    for name, column in fields.items():
        if name.lower() not in POSITION_COLUMNS:
            check_column_name(where, name, columns)
            columns[name] = column
    return columns


def _wire(where: str, tags: Mapping[str, str]) -> Wire:
    text = tags.get(WIRE_TAG, "bare")
    if text not in {"bare", "confluent"}:
        raise DomainError(
            f"{where}: tag {WIRE_TAG}",
            f"is {text!r}",
            "write confluent where records begin with a schema registry's header, or remove it",
        )
    return text  # type: ignore[return-value]  # one of the two
