"""Feast's protobuf messages of plain values: see `features.feast_layout.encode_value` and `encode_timestamp`."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memcpy

from features.compiled.int64s cimport floored


cdef inline object double_message(double number):
    """A ``Value`` that is a double."""
    cdef char message[9]
    message[0] = 0x29
    memcpy(message + 1, &number, 8)
    return PyBytes_FromStringAndSize(message, 9)


cdef inline object integer_message(long long number):
    """A ``Value`` that is an integer."""
    cdef char message[11]
    message[0] = 0x20
    return PyBytes_FromStringAndSize(message, put_varint(message + 1, <unsigned long long>number) - message)


cdef inline object timestamp_message(long long us):
    """A ``Timestamp``."""
    cdef char message[22]
    cdef char *end = message
    cdef long long seconds = floored(us, 1_000_000), rest = us - seconds * 1_000_000
    if seconds:
        end[0] = 0x08
        end = put_varint(end + 1, <unsigned long long>seconds)
    if rest:
        end[0] = 0x10
        end = put_varint(end + 1, <unsigned long long>(rest * 1_000))
    return PyBytes_FromStringAndSize(message, end - message)


cdef inline char *put_varint(char *at, unsigned long long number) noexcept:
    """Write a varint; where it ends."""
    while number > 0x7F:
        at[0] = <char>(number & 0x7F | 0x80)
        at += 1
        number >>= 7
    at[0] = <char>number
    return at + 1
