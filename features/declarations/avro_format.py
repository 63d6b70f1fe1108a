"""`AvroFormat` → a record schema that can be read."""

from __future__ import annotations

import json
from typing import Any

from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from features.errors import DomainError
from features.formats.avro_schema import Schema


def avro_schema(where: str, text: str) -> Schema:
    """The schema of a source's records; DomainError for what is none, or none of a record."""
    remedy = 'give the record\'s schema as Avro says: {"type": "record", "name": …, "fields": […]}'
    try:
        schema: Any = json.loads(text)
        parse_schema(schema)
    except (ValueError, TypeError, KeyError, SchemaParseException, UnknownType) as error:
        raise DomainError(where, f"is no Avro schema ({type(error).__name__}: {error})", remedy) from error
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise DomainError(where, "is no schema of a record", remedy)
    return schema
