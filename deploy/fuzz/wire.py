"""The wire format of protobuf, written by hand, so that it can be written wrongly."""

from __future__ import annotations

import struct
from typing import Final

from google.protobuf.descriptor import FieldDescriptor as Field

VARINT, FIXED64, BYTES, GROUP, END_GROUP, FIXED32 = range(6)

WIRE_TYPES: Final = {
    Field.TYPE_DOUBLE: FIXED64,
    Field.TYPE_FIXED64: FIXED64,
    Field.TYPE_SFIXED64: FIXED64,
    Field.TYPE_FLOAT: FIXED32,
    Field.TYPE_FIXED32: FIXED32,
    Field.TYPE_SFIXED32: FIXED32,
    Field.TYPE_STRING: BYTES,
    Field.TYPE_BYTES: BYTES,
    Field.TYPE_MESSAGE: BYTES,
    Field.TYPE_GROUP: GROUP,
}
"""What each type is written as; all others are varints."""


def varint(value: int) -> bytes:
    """An integer, negative ones as ten bytes."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire_type: int) -> bytes:
    """What stands before a field's value."""
    return varint(number << 3 | wire_type)


def sized(data: bytes) -> bytes:
    """Bytes after their length."""
    return varint(len(data)) + data


def double(value: float) -> bytes:
    """Eight bytes."""
    return struct.pack("<d", value)


def single(value: float) -> bytes:
    """Four bytes."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf"))
