"""Where the parts of a stored state lie: see `stored_state.pyx`."""

cdef enum:
    MOST_COLUMNS = 16

cdef struct Columns:  # partials that are integers: of a row (`n` is 1, there are no tiles), or of the tiles of a hop
    long long *tiles
    long long *integers
    Py_ssize_t n

cdef struct StoredState:  # what is in the bytes of a state: tip, since ever, and the rings
    long long newest_us
    Columns columns[MOST_COLUMNS]

cdef class StoredShape:
    cdef readonly bint is_plain
    cdef bytes mark
    cdef Py_ssize_t n_columns
    cdef Py_ssize_t widths[MOST_COLUMNS]

    cdef Py_ssize_t room(self, bytes data)
    cdef bint lay_out(self, bytes data, void *room, StoredState *found) noexcept
