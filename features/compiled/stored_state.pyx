"""Stored states read where they lie, for who only finishes them: no object is made.

What is read is checked against the end of the bytes, step by step. Anything unusual (cells, wide integers, bytes that
are cut short, another version or view) is left to `features.state.StateCodec`, which reads it or says what is wrong.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy

from features.compiled.int64s cimport FIRST_CELL

from features.state import VERSION

cdef enum:
    MARK = 9
    HEAD = 15
    POSITION = 28


cdef class StoredShape:
    """What the stored states of one view hold.

    Parameters
    ----------
    view_hash
        8 bytes.
    held
        What the tip, since-ever and each ring hold, in this order.

    Attributes
    ----------
    is_plain
        Whether all of it are integers, so that states can be read here.

    """

    def __init__(self, view_hash, held):
        self.mark = bytes((VERSION,)) + view_hash
        self.n_columns = len(held)
        self.is_plain = len(held) <= MOST_COLUMNS and not any(code >= FIRST_CELL for row in held for code, _ in row)
        if self.is_plain:
            for i, row in enumerate(held):
                self.widths[i] = len(row)

    cdef Py_ssize_t room(self, bytes data):
        """How many bytes `lay_out` may want."""
        return PyBytes_GET_SIZE(data)

    cdef bint lay_out(self, bytes data, void *room, StoredState *found) noexcept:
        """Find the parts of a state, in copies that are aligned; False where something is unusual."""
        cdef char *at = PyBytes_AS_STRING(data)
        cdef char *end = at + PyBytes_GET_SIZE(data)
        cdef long long *free = <long long *>room
        cdef unsigned short n_positions
        cdef unsigned int n_tiles
        cdef Py_ssize_t i, j, n, width, is_ring
        if end - at < HEAD or memcmp(at, PyBytes_AS_STRING(self.mark), MARK):
            return False
        memcpy(&n_positions, at + 13, 2)
        at += HEAD
        if end - at < n_positions * POSITION + 8:
            return False
        at += n_positions * POSITION
        memcpy(&found.newest_us, at, 8)
        at += 8
        for i in range(self.n_columns):
            is_ring, width, n = i >= 2, self.widths[i], 1
            if is_ring:
                if end - at < 4 + width:
                    return False
                memcpy(&n_tiles, at, 4)
                at += 4
                n = n_tiles
                for j in range(width):
                    if at[j] != 8:
                        return False
                at += width
            else:
                if end - at < 1 or at[0] != 8:
                    return False
                at += 1
            if (end - at) // 8 < n * (is_ring + width):
                return False
            memcpy(free, at, 8 * n * (is_ring + width))
            at += 8 * n * (is_ring + width)
            found.columns[i].tiles = free
            found.columns[i].integers = free + n * is_ring
            found.columns[i].n = n
            free += n * (is_ring + width)
        return at == end
