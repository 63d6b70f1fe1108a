"""Protobuf's wire format: see `features.protobuf_wire`, whose functions these are."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from features.compiled.feast_messages cimport put_varint, timestamp_message


def varint(number):
    """See `features.protobuf_wire.varint`."""
    cdef char encoded[10]
    cdef unsigned long long bits = number & 0xFFFF_FFFF_FFFF_FFFF
    return PyBytes_FromStringAndSize(encoded, put_varint(encoded, bits) - encoded)


def delimited(int field, bytes content not None):
    """See `features.protobuf_wire.delimited`."""
    cdef char head[11]
    cdef Py_ssize_t size = PyBytes_GET_SIZE(content), n_head
    cdef bytes written
    head[0] = <char>(field << 3 | 2)
    n_head = put_varint(head + 1, size) - head
    written = PyBytes_FromStringAndSize(NULL, n_head + size)
    memcpy(PyBytes_AS_STRING(written), head, n_head)
    memcpy(PyBytes_AS_STRING(written) + n_head, PyBytes_AS_STRING(content), size)
    return written


def seconds_and_nanos(long long us):
    """See `features.protobuf_wire.seconds_and_nanos`."""
    return timestamp_message(us)


def duration(long long us):
    """See `features.protobuf_wire.duration`."""
    cdef char content[22]
    cdef char *at = content
    cdef long long seconds = us // 1_000_000, rest = us % 1_000_000  # as in C, so of one sign
    if seconds:
        at[0] = 0x08
        at = put_varint(at + 1, <unsigned long long>seconds)
    if rest:
        at[0] = 0x10
        at = put_varint(at + 1, <unsigned long long>(rest * 1_000))
    return PyBytes_FromStringAndSize(content, at - content)
