"""Which parser reads a source."""

from __future__ import annotations

from features.formats.json_records import JsonParser
from features.formats.record import Parser
from features.formats.schemas import SchemaBook
from features.plan import AvroRecords, ProtobufRecords, SourcePlan


def open_parser(source: SourcePlan, schemas: SchemaBook) -> Parser:
    """The parser of a source's message format; libraries of formats that no source has are not loaded."""
    match source.format:
        case AvroRecords() as plan:
            from features.formats.avro_records import AvroParser

            return AvroParser(source, plan, schemas)
        case ProtobufRecords() as plan:
            from features.formats.protobuf_records import ProtobufParser

            return ProtobufParser(source, plan)
        case _:
            return JsonParser(source)
