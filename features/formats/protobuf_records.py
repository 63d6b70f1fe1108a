"""Protobuf messages, by the descriptors that the plan holds.

Fields are known by their numbers, so a message with fields that the declaration does not know, or without some that it
knows, reads as it is: the schema that it was written with is not needed, and its id in a header not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from features.formats.confluent_wire import protobuf_body
from features.formats.fields import FieldsToRecord
from features.formats.record import Reason, RefusedError, parse_each
from features.plan import ColumnType, ProtobufRecords, SourcePlan

TIMESTAMP: Final = "google.protobuf.Timestamp"
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String")
)
_TYPES: Final[Mapping[int, ColumnType]] = MappingProxyType(
    {
        FieldDescriptor.TYPE_STRING: "string",
        FieldDescriptor.TYPE_ENUM: "string",
        FieldDescriptor.TYPE_BOOL: "bool",
        FieldDescriptor.TYPE_FLOAT: "float32",
        FieldDescriptor.TYPE_DOUBLE: "float64",
        **dict.fromkeys(
            (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), "int32"
        ),
        **dict.fromkeys(
            (
                FieldDescriptor.TYPE_INT64,
                FieldDescriptor.TYPE_SINT64,
                FieldDescriptor.TYPE_SFIXED64,
                FieldDescriptor.TYPE_UINT32,
                FieldDescriptor.TYPE_FIXED32,
                FieldDescriptor.TYPE_UINT64,
                FieldDescriptor.TYPE_FIXED64,
            ),
            "int64",
        ),
    }
)

Get = Callable[[Any], Any]


class ProtobufParser:
    """Reads records that are messages of one type; fields that are no columns are ignored."""

    def __init__(self, source: SourcePlan, plan: ProtobufRecords) -> None:
        message = message_of(plan)
        self._parse = message_factory.GetMessageClass(message).FromString
        self._fields = [(column.name, _getter(message.fields_by_name[column.name])) for column in source.columns]
        self._to_record = FieldsToRecord(source, {})
        self._decode = self._bare if source.wire == "bare" else self._framed

    def parse(self, values: Sequence[bytes | None], kafka_us: Sequence[int], reasons: dict[int, str]) -> list[Any]:  # noqa: ARG002 - the protocol's
        """See `features.formats.record.Parser`."""
        return parse_each(self._decode, values, reasons)

    def wanted(self, values: Sequence[bytes | None], kafka_us: Sequence[int]) -> dict[int, int]:  # noqa: ARG002 - the protocol's
        """See `features.formats.record.Parser`: none, for a record says all by itself."""
        return {}

    def columns(self, records: Sequence[Any]) -> list[list[Any]]:
        """See `features.formats.record.Parser`."""
        return self._to_record.columns(records)

    def _framed(self, value: bytes | None) -> Any:
        _, body = protobuf_body(value)
        return self._bare(body)

    def _bare(self, value: bytes | None) -> Any:
        if value is None:
            raise TypeError
        try:
            message = self._parse(value)
        except DecodeError:
            raise RefusedError(Reason.NOT_DECODABLE, "Protobuf is malformed") from None
        return self._to_record.record({name: get(message) for name, get in self._fields})


def message_of(plan: ProtobufRecords) -> Descriptor:
    """The message that a plan names, from its descriptors; KeyError if they have none of that name."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(plan.descriptors).file:
        pool.Add(file)
    return pool.FindMessageTypeByName(plan.message)


def column_of(field: FieldDescriptor) -> tuple[ColumnType, bool] | None:
    """Type of a field as a column, and whether it may be null; None for fields that are no columns."""
    if field.is_repeated:
        return None
    if field.message_type is None:
        kind = _TYPES.get(field.type)
        return None if kind is None else (kind, field.has_presence and not field.is_required)
    if field.message_type.full_name == TIMESTAMP:
        return "timestamp", not field.is_required
    if field.message_type.full_name in _WRAPPERS:
        return _TYPES[field.message_type.fields_by_name["value"].type], True
    return None


def path_of(message: Descriptor) -> tuple[int, ...]:
    """Place of a message in its file: its index there, or those of the messages around it and its own in the last."""
    around = message.containing_type
    siblings = message.file.message_types_by_name if around is None else around.nested_types_by_name
    index = list(siblings).index(message.name)
    return (index,) if around is None else (*path_of(around), index)


def set_column(message: Any, name: str, value: Any) -> None:
    """Set a column of a message from a value that is not null; an instant is aware."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.enum_type is not None:
        setattr(message, name, field.enum_type.values_by_name[value].number)
    elif field.message_type is None:
        setattr(message, name, value)
    elif field.message_type.full_name == TIMESTAMP:
        getattr(message, name).FromDatetime(value)
    else:
        wrapper = getattr(message, name)
        wrapper.value = value
        wrapper.SetInParent()


def _getter(field: FieldDescriptor) -> Get:
    """What takes a column out of a message; None where it is not there."""
    name, value = field.name, _value_getter(field)
    if not field.has_presence:
        return value
    return lambda message: value(message) if message.HasField(name) else None


def _value_getter(field: FieldDescriptor) -> Get:
    take = attrgetter(field.name)
    if field.enum_type is not None:
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda message: _name_of(field.name, names, take(message))
    if field.message_type is None:
        return take
    if field.message_type.full_name == TIMESTAMP:
        return lambda message: (at := take(message)).seconds * 1_000_000 + at.nanos // 1_000
    return attrgetter(f"{field.name}.value")


def _name_of(column: str, names: Mapping[int, str], number: int) -> str:
    if number not in names:
        raise RefusedError(Reason.SCHEMA_BREACH, f"column {column}: {number} is the number of no declared name")
    return names[number]
