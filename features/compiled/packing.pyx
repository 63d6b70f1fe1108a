"""Words into one command of Redis' protocol: what `features.redis_words.pack_in_python` does."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy


def pack_words(words):
    """One command of words that are bytes."""
    cdef tuple row = tuple(words)
    cdef Py_ssize_t size = 1 + digits(len(row)) + 2, i, length
    cdef bytes word, packed
    cdef char *at
    for i in range(len(row)):
        word = row[i]
        if word is None:
            raise TypeError("a word of a command is bytes, not None")
        length = PyBytes_GET_SIZE(word)
        size += 1 + digits(length) + 2 + length + 2
    packed = PyBytes_FromStringAndSize(NULL, size)
    at = put_length(PyBytes_AS_STRING(packed), b"*", len(row))
    for i in range(len(row)):
        word = <bytes>row[i]
        length = PyBytes_GET_SIZE(word)
        at = put_length(at, b"$", length)
        memcpy(at, PyBytes_AS_STRING(word), length)
        at = put_end(at + length)
    return packed


cdef inline Py_ssize_t digits(Py_ssize_t number) noexcept:
    """How many digits a number has."""
    cdef Py_ssize_t n = 1
    while number > 9:
        number //= 10
        n += 1
    return n


cdef inline char *put_length(char *at, char kind, Py_ssize_t number) noexcept:
    """Write a kind and a length; where that ends."""
    cdef Py_ssize_t n = digits(number), i
    at[0] = kind
    for i in range(n, 0, -1):
        at[i] = <char>(48 + number % 10)
        number //= 10
    return put_end(at + n + 1)


cdef inline char *put_end(char *at) noexcept:
    at[0], at[1] = 13, 10
    return at + 2
