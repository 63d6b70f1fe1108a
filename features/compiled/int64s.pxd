"""Columns of 64-bit integers, sums of them in 128 bits, and what of Python fits into them."""

from cpython.array cimport array

cdef extern from *:
    """
    #include <float.h>
    #if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || FLT_EVAL_METHOD != 0
    #error "needs little-endian integers and doubles that are rounded once: the kernel in Python serves here"
    #endif
    typedef __int128 int128;
    #define FAR (1LL << 62)
    """
    ctypedef long long int128
    const long long FAR  # instants beyond are left to Python: differences of nearer ones fit 64 bits
    bint add_overflows "__builtin_add_overflow"(long long one, long long other, long long *total) noexcept
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1


cdef enum Code:  # as in features/ring.py
    ADD = 0
    MIN = 1
    MAX = 2
    FIRST_CELL = 3


cdef inline bint is_column(object column):
    """Whether it is an array of 64-bit integers (a list holds wider ones)."""
    return type(column) is array and (<array>column).ob_descr.itemsize == 8


cdef inline long long *of(object column) noexcept:
    """The integers of a column."""
    return (<array>column).data.as_longlongs


cdef inline bint fits(object number, long long *found) except -1:
    """Whether an object is an integer of 64 bits, which is then found."""
    cdef int overflow = 0
    if not isinstance(number, int):
        return False
    found[0] = PyLong_AsLongLongAndOverflow(number, &overflow)
    return overflow == 0


cdef inline bint all_fit(list row, Py_ssize_t n, long long *found) except -1:
    """Whether a row begins with n integers of 64 bits, which are then found."""
    cdef Py_ssize_t i
    if len(row) < n:
        return False
    for i in range(n):
        if not fits(row[i], found + i):
            return False
    return True


cdef inline long long floored(long long dividend, long long divisor) noexcept:
    """The quotient towards minus infinity, by a positive divisor."""
    cdef long long quotient = dividend // divisor
    return quotient - (quotient * divisor > dividend)


cdef inline Py_ssize_t first_at_least(long long *tiles, Py_ssize_t n, long long tile) noexcept:
    """Where the first of ascending tiles stands that is not below this one; n where there is none."""
    cdef Py_ssize_t low = 0, high = n, middle
    while low < high:
        middle = (low + high) // 2
        if tiles[middle] < tile:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline object wide(int128 number):
    """A Python integer."""
    cdef long long narrow = <long long>number
    if <int128>narrow == number:
        return narrow
    return (<object><long long>(number >> 64)) << 64 | <object><unsigned long long>number
