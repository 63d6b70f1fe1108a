"""Requests of many rows read where they lie: rows that hold one key, or one run of doubles, and nothing to be refused.

What is read is checked against the end of the bytes, step by step, and no message is made. Anything unusual is left to
protobuf, which reads it or says what is wrong with it; it has looked at all of the bytes before, so that text is text.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport isinf
from libc.string cimport memcmp, memcpy

cdef enum:
    VARINT = 0
    DELIMITED = 2

cdef struct Span:  # bytes that are not read yet
    const char *at
    const char *end


cdef class RowShape:
    """What a plain row may hold, by the numbers of its fields, all below 16.

    Parameters
    ----------
    rows
        Of the request.
    entity, request_id, vector
        Of a row: a map, a text, a message.
    kind, is_text
        Of a value of that map: where it lies if it is of the key's type, and whether that is text or an integer.
    values
        Of that message.
    name
        The only key of the map.
    n_values
        How many doubles there must be.

    """

    cdef int rows, entity, request_id, vector, kind, values
    cdef bint is_text
    cdef bytes name
    cdef Py_ssize_t n_values

    def __init__(self, *, rows, entity, request_id, vector, kind, is_text, values, name, n_values):
        self.rows, self.entity, self.request_id, self.vector = rows, entity, request_id, vector
        self.kind, self.is_text, self.values = kind, is_text, values
        self.name, self.n_values = name, n_values

    cdef tuple read(self, Span row):
        """Key, doubles and id of a row, of which it has either of the first two; None where it is unusual."""
        cdef unsigned int tag
        cdef Span content
        cdef object key = None, values = None, request_id = ""
        while row.at < row.end:
            tag = <unsigned char>row.at[0]
            row.at += 1
            if not take_content(&row, &content):
                return None
            if key is None and values is None and tag == (self.entity << 3 | DELIMITED):
                key = self.read_key(content)
                if key is None:
                    return None
            elif key is None and values is None and tag == (self.vector << 3 | DELIMITED):
                values = self.read_values(content)
                if values is None:
                    return None
            elif request_id == "" and tag == (self.request_id << 3 | DELIMITED):
                request_id = PyUnicode_DecodeUTF8(<char *>content.at, content.end - content.at, NULL)
            else:
                return None
        return None if key is None and values is None else (key, values, request_id)

    cdef object read_key(self, Span entry):
        """The value of the only key, of its type; None otherwise."""
        cdef Span name, value, text
        cdef unsigned long long bits
        if not take_field(&entry, 1, &name) or not take_field(&entry, 2, &value) or entry.at != entry.end:
            return None
        if name.end - name.at != PyBytes_GET_SIZE(self.name):
            return None
        if memcmp(name.at, PyBytes_AS_STRING(self.name), name.end - name.at):
            return None
        if self.is_text:
            if not take_field(&value, self.kind, &text) or value.at != value.end:
                return None
            return PyUnicode_DecodeUTF8(<char *>text.at, text.end - text.at, NULL)
        if value.at == value.end or <unsigned char>value.at[0] != (self.kind << 3 | VARINT):
            return None
        value.at += 1
        if not take_varint(&value, &bits) or value.at != value.end:
            return None
        return <long long>bits

    cdef list read_values(self, Span message):
        """The doubles; None where there are more or fewer, where they have names, or one is infinite."""
        cdef Span run
        cdef double value
        cdef Py_ssize_t i
        cdef list values = []
        if not take_field(&message, self.values, &run) or message.at != message.end:
            return None
        if run.end - run.at != 8 * self.n_values:
            return None
        for i in range(self.n_values):
            memcpy(&value, run.at + 8 * i, 8)
            if isinf(value):
                return None
            values.append(value)
        return values


cdef class RowReader:
    """The rows of one request, from the first one on."""

    cdef RowShape shape
    cdef bytes data
    cdef Span left

    def __init__(self, RowShape shape not None, bytes data not None):
        self.shape, self.data = shape, data
        self.left.at = PyBytes_AS_STRING(data)
        self.left.end = self.left.at + PyBytes_GET_SIZE(data)

    def take(self, Py_ssize_t n):
        """The next n rows: (key, doubles, id), one of the first two None; None for a row that is unusual."""
        cdef Py_ssize_t i
        cdef Span row
        return [self.shape.read(row) if self.find(&row) else None for i in range(n)]

    cdef bint find(self, Span *row) noexcept:
        """The next row; False where something else comes that is unusual, for good."""
        cdef unsigned int tag
        while self.left.at < self.left.end:
            tag = <unsigned char>self.left.at[0]
            self.left.at += 1
            if tag & 7 != DELIMITED or tag > 127 or not take_content(&self.left, row):
                self.left.at = self.left.end
                return False
            if tag >> 3 == <unsigned int>self.shape.rows:
                return True
        return False


cdef inline bint take_field(Span *span, int field, Span *content) noexcept:
    """Take a field that must come next."""
    if span.at == span.end or <unsigned char>span.at[0] != (field << 3 | DELIMITED):
        return False
    span.at += 1
    return take_content(span, content)


cdef inline bint take_content(Span *span, Span *content) noexcept:
    """Take a length, and so many bytes."""
    cdef unsigned long long length
    if not take_varint(span, &length) or length > <unsigned long long>(span.end - span.at):
        return False
    content.at = span.at
    span.at += length
    content.end = span.at
    return True


cdef inline bint take_varint(Span *span, unsigned long long *found) noexcept:
    """Take a number of 64 bits at most."""
    cdef unsigned long long bits = 0, part
    cdef int shift = 0
    while span.at < span.end and shift < 64:
        part = <unsigned char>span.at[0]
        span.at += 1
        bits |= (part & 0x7F) << shift
        if part < 0x80:
            found[0] = bits
            return True
        shift += 7
    return False
