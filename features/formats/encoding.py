"""Rows to records: what a producer of a source sends, for the history that is replayed."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from features.errors import DomainError
from features.formats.confluent_wire import header, protobuf_header
from features.plan import AvroRecords, ColumnPlan, ProtobufRecords, SourcePlan

Encode = Callable[[Mapping[str, Any]], bytes]
Register = Callable[[str, str], int]
"""Takes the kind of a schema (AVRO, PROTOBUF, JSON) and its text; gives the id that it is registered under."""


def open_encoder(source: SourcePlan, register: Register) -> Encode:
    """What makes a record of a row: of the declared columns by name, instants aware, None where null.

    Parameters
    ----------
    source
        The declaration.
    register
        Asked once for the id that records begin with, where they begin with one.

    Returns
    -------
    Encode
        Raises DomainError for a row that the format cannot hold.

    """
    framed = source.wire == "confluent"
    match source.format:
        case AvroRecords(schema=schema):
            return _avro(source, json.loads(schema), header(register("AVRO", schema)) if framed else b"")
        case ProtobufRecords() as plan:
            return _protobuf(source, plan, register if framed else None)
        case _:
            prefix = header(register("JSON", json.dumps(_json_schema(source)))) if framed else b""
            encode = msgspec.json.Encoder().encode
            return lambda row: prefix + encode(row)


def _avro(source: SourcePlan, schema: Any, prefix: bytes) -> Encode:
    from fastavro import parse_schema, schemaless_writer

    parsed = parse_schema(schema)

    def encode(row: Mapping[str, Any]) -> bytes:
        sink = io.BytesIO(prefix)
        sink.seek(len(prefix))
        try:
            schemaless_writer(sink, parsed, row)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise _unfit(source, row, error) from error
        return sink.getvalue()

    return encode


def _protobuf(source: SourcePlan, plan: ProtobufRecords, register: Register | None) -> Encode:
    from google.protobuf import message_factory

    from features.formats.protobuf_records import message_of, path_of, set_column

    message = message_of(plan)
    make, prefix = message_factory.GetMessageClass(message), b""
    if register is not None:
        text = base64.b64encode(message.file.serialized_pb).decode()
        prefix = protobuf_header(register("PROTOBUF", text), path_of(message))

    def encode(row: Mapping[str, Any]) -> bytes:
        made = make()
        try:
            for name, value in row.items():
                if value is not None:
                    set_column(made, name, value)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _unfit(source, row, error) from error
        return prefix + bytes(made.SerializeToString())

    return encode


def _json_schema(source: SourcePlan) -> dict[str, Any]:
    """The declared columns as a JSON Schema."""
    return {
        "type": "object",
        "properties": {column.name: _json_type(column) for column in source.columns},
        "required": [column.name for column in source.columns if not column.nullable],
    }


def _json_type(column: ColumnPlan) -> dict[str, Any]:
    kind = {"string": "string", "timestamp": "string", "bool": "boolean", "int32": "integer", "int64": "integer"}.get(
        column.type, "number"
    )
    more = {"format": "date-time"} if column.type == "timestamp" else {}
    return {"type": [kind, "null"] if column.nullable else kind, **more}


def _unfit(source: SourcePlan, row: Mapping[str, Any], error: Exception) -> DomainError:
    return DomainError(
        f"topic {source.topic}",
        f"its message format cannot hold {dict(row)} ({error})",
        "correct data/, or give the fields that are no columns a default",
    )
