"""Avro records: of the declared schema, or of any that a registry knows.

A record is read by the schema that wrote it. Its fields are then the columns of their names (or aliases); a column that
it does not have is the declared default, or null; and whether a value fits is decided as for all formats, so a number
may be written in a narrower type than the declared one, and nothing else in another. What becomes of a record is a
function of its bytes, the plan, and the schema of its id, which never changes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastavro import schemaless_reader
from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from features.formats.avro_schema import (
    INSTANTS_US,
    Resolution,
    Schema,
    avro_columns,
    other_instants,
    resolve,
    without_logical_types,
)
from features.formats.confluent_wire import HEADER, schema_id
from features.formats.fields import FieldsToRecord
from features.formats.record import Reason, RefusedError, parse_each
from features.formats.schemas import SchemaBook, WriterSchema
from features.plan import AvroRecords, SourcePlan

Read = Callable[[memoryview | bytes], dict[str, Any]]


class AvroParser:
    """Reads records that are Avro, bare or behind Confluent's header."""

    def __init__(self, source: SourcePlan, plan: AvroRecords, schemas: SchemaBook) -> None:
        self._declared: Schema = json.loads(plan.schema)
        columns = avro_columns(self._declared)
        self._names = [column.name for column in source.columns]
        logical = {name: column.logical for name, column in columns.items() if column.logical is not None}
        self._to_record = FieldsToRecord(source, {name: INSTANTS_US[kind] for name, kind in logical.items()})
        self._schemas = schemas
        self._framed = source.wire == "confluent"
        self._own = self._reader(self._declared, {})
        self._readers: dict[int, Read] = {}

    def parse(self, values: Sequence[bytes | None], kafka_us: Sequence[int], reasons: dict[int, str]) -> list[Any]:
        """See `features.formats.record.Parser`; UnavailableError where a schema is not at hand and cannot be had."""
        if not self._framed:
            return parse_each(self._bare, values, reasons)
        self._schemas.learn(self.wanted(values, kafka_us))
        return parse_each(self._behind_header, values, reasons, kafka_us)

    def columns(self, records: Sequence[Any]) -> list[list[Any]]:
        """See `features.formats.record.Parser`."""
        return self._to_record.columns(records)

    def wanted(self, values: Sequence[bytes | None], kafka_us: Sequence[int]) -> dict[int, int]:
        """Ids of schemas that must be asked for, and the newest Kafka timestamp of a record with each."""
        if not self._framed:
            return {}
        lacking = {head for head in {value[:HEADER] for value in values if value} if self._lacks(head, max(kafka_us))}
        newest: dict[int, int] = {}
        if lacking:
            for value, at_us in zip(values, kafka_us, strict=True):
                if value and value[:HEADER] in lacking:
                    key = schema_id(value)
                    newest[key] = max(newest.get(key, at_us), at_us)
        return newest

    def _lacks(self, head: bytes, kafka_us: int) -> bool:
        """Whether a header names a schema that must be asked for."""
        return len(head) == HEADER and not head[0] and self._schemas.lacks(schema_id(head), kafka_us)

    def _bare(self, value: bytes | None) -> Any:
        if value is None:
            raise TypeError
        return self._to_record.record(self._own(value))

    def _behind_header(self, value: bytes | None, kafka_us: int) -> Any:
        key = schema_id(value)
        schema = self._schemas.get(key, kafka_us)
        if schema is None:
            raise RefusedError(Reason.UNKNOWN_SCHEMA, f"the registry had no schema {key}")
        read = self._readers.get(key)
        if read is None:
            read = self._readers[key] = self._reader_of(key, schema)
        return self._to_record.record(read(memoryview(value)[HEADER:]))  # type: ignore[arg-type]  # no tombstone has an id

    def _reader_of(self, key: int, schema: WriterSchema) -> Read:
        """What reads the records of a schema; for one that cannot be read as the declared one, what refuses them."""
        if schema.kind != "AVRO":
            return partial(_refuse, f"record: schema {key} is {schema.kind}, not AVRO")
        try:
            named: dict[str, Any] = {}
            for text in schema.references:
                parse_schema(without_logical_types(json.loads(text)), named)
            writer = json.loads(schema.text)
            if not isinstance(writer, dict) or writer.get("type") != "record":
                return partial(_refuse, f"record: schema {key} is no record")
            problem = next(other_instants(self._declared, writer), None)
            return self._reader(writer, named) if problem is None else partial(_refuse, f"{problem}, in schema {key}")
        except (ValueError, TypeError, KeyError, AttributeError, SchemaParseException, UnknownType):
            return partial(_refuse, f"record: schema {key} is no schema that can be read")

    def _reader(self, writer: Schema, named: dict[str, Any]) -> Read:
        written = parse_schema(without_logical_types(writer), named)
        return partial(_read, written, resolve(self._declared, self._names, writer))


def _read(written: Any, resolution: Resolution, value: memoryview | bytes) -> dict[str, Any]:
    """Fields of one record, by their declared names."""
    stream = io.BytesIO(value)
    try:
        fields: Any = schemaless_reader(stream, written, None)
    except Exception as error:  # whatever bytes that are no such record make the library raise
        raise RefusedError(Reason.NOT_DECODABLE, f"Avro is malformed ({type(error).__name__})") from None
    if stream.tell() != len(value):
        raise RefusedError(Reason.NOT_DECODABLE, "Avro is malformed (bytes are left over)")
    for theirs, ours in resolution.renamed:
        fields[ours] = fields.pop(theirs)
    fields.update(resolution.defaults)
    return fields  # type: ignore[no-any-return]  # a record is a dict


def _refuse(text: str, value: memoryview | bytes) -> dict[str, Any]:  # noqa: ARG001 - in the place of `_read`
    raise RefusedError(Reason.SCHEMA_BREACH, text)
