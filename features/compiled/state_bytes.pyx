"""States into their stored bytes and back: what `features.state.StateCodec` does, where every integer has 8 bytes.

What is read is checked against the end of the bytes, step by step. Anything unusual (wide integers, bytes that are cut
short, another version or view) is left to the codec in Python, which reads it or says what is wrong with it.
"""

from cpython.array cimport array, clone
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.type cimport PyType_GenericNew
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy

from features.compiled.int64s cimport FIRST_CELL, fits, is_column, of

from features.ring import Ring
from features.state import VERSION, State, log_bytes, log_text

cdef enum:
    HEAD = 15
    POSITION = 28
    MOST_POSITIONS = 0xFFFF

cdef array COLUMN = array("q")


cdef class Shape:
    """How many integers and how many cells a row, or a tile, has."""

    cdef Py_ssize_t n_integers, n_cells

    def __init__(self, held):
        self.n_integers = sum(code < FIRST_CELL for code, _ in held)
        self.n_cells = len(held) - self.n_integers


cdef class Reader:
    """Bytes, and how far they were read."""

    cdef bytes data
    cdef char *at
    cdef char *end

    cdef Py_ssize_t left(self) noexcept:
        return self.end - self.at

    cdef list take_row(self, Shape shape):
        """A row of partials; None where it is unusual."""
        cdef Py_ssize_t i
        cdef long long integer
        cdef list row
        if self.left() < 1 + 8 * shape.n_integers or self.at[0] != 8:
            return None
        self.at += 1
        row = []
        for i in range(shape.n_integers):
            memcpy(&integer, self.at, 8)
            self.at += 8
            row.append(integer)
        if shape.n_cells:
            cells = self.take_cells(shape.n_cells)
            if cells is None:
                return None
            row += cells
        return row

    cdef list take_cells(self, Py_ssize_t n):
        """Cells; None where they are cut short."""
        cdef char *lengths = self.at
        cdef unsigned short length
        cdef list cells = []
        cdef Py_ssize_t i
        if self.left() < 2 * n:
            return None
        self.at += 2 * n
        for i in range(n):
            memcpy(&length, lengths + 2 * i, 2)
            if self.left() < length:
                return None
            cells.append(PyBytes_FromStringAndSize(self.at, length))
            self.at += length
        return cells

    cdef object take_ring(self, Shape shape):
        """The tiles of a hop; None where they are unusual."""
        cdef unsigned int n_tiles
        cdef Py_ssize_t i, n
        cdef array tiles, integers
        cdef list cells = []
        if self.left() < 4 + shape.n_integers:
            return None
        memcpy(&n_tiles, self.at, 4)
        self.at += 4
        for i in range(shape.n_integers):
            if self.at[i] != 8:
                return None
        self.at += shape.n_integers
        n = n_tiles
        if self.left() // 8 // (1 + shape.n_integers) < n:
            return None
        tiles = self.take_column(n)
        integers = self.take_column(n * shape.n_integers)
        for i in range(shape.n_cells):
            column = self.take_cells(n)
            if column is None:
                return None
            cells.append(column)
        ring = PyType_GenericNew(Ring, None, None)
        ring.tiles = tiles
        ring.integers = integers
        ring.cells = cells
        return ring

    cdef array take_column(self, Py_ssize_t n):
        """So many integers, which are there."""
        cdef array column = clone(COLUMN, n, False)
        memcpy(of(column), self.at, 8 * n)
        self.at += 8 * n
        return column


cdef class StateBytes:
    """Encodes and decodes the states of one view.

    Parameters
    ----------
    view_hash
        8 bytes.
    tip, ever, rings
        What the tip, since-ever and each ring hold.

    """

    cdef bytes mark
    cdef Shape tip, ever
    cdef list rings

    def __init__(self, *, view_hash, tip, ever, rings):
        self.mark = bytes((VERSION,)) + view_hash
        self.tip, self.ever = Shape(tip), Shape(ever)
        self.rings = [Shape(held) for held in rings]

    def decode(self, data):
        """State from stored bytes; None where they are unusual."""
        cdef Reader reader = Reader.__new__(Reader)
        cdef unsigned int repair
        cdef unsigned short n_positions
        cdef int partition
        cdef long long offset, newest_us
        cdef dict positions = {}
        cdef list rings = []
        cdef Py_ssize_t i
        cdef Shape shape
        if type(data) is not bytes or PyBytes_GET_SIZE(data) < HEAD:
            return None
        reader.data = data
        reader.at = PyBytes_AS_STRING(data)
        reader.end = reader.at + PyBytes_GET_SIZE(data)
        if memcmp(reader.at, PyBytes_AS_STRING(self.mark), 9):
            return None
        memcpy(&repair, reader.at + 9, 4)
        memcpy(&n_positions, reader.at + 13, 2)
        reader.at += HEAD
        if reader.left() < n_positions * POSITION + 8:
            return None
        for i in range(n_positions):
            memcpy(&partition, reader.at + 16, 4)
            memcpy(&offset, reader.at + 20, 8)
            positions[log_text(PyBytes_FromStringAndSize(reader.at, 16)), partition] = offset
            reader.at += POSITION
        memcpy(&newest_us, reader.at, 8)
        reader.at += 8
        tip = reader.take_row(self.tip)
        ever = None if tip is None else reader.take_row(self.ever)
        if ever is None:
            return None
        for shape in self.rings:
            ring = reader.take_ring(shape)
            if ring is None:
                return None
            rings.append(ring)
        if reader.left():
            return None
        state = PyType_GenericNew(State, None, None)
        state.positions = positions
        state.repair = repair
        state.newest_us = newest_us
        state.tip = tip
        state.ever = ever
        state.rings = rings
        return state

    def positions(self, data):
        """The positions in stored bytes, as (log, partition, offset) each; None where they are unusual."""
        cdef unsigned short n_positions, i
        cdef int partition
        cdef long long offset
        cdef char *at
        cdef list positions = []
        if type(data) is not bytes or PyBytes_GET_SIZE(data) < HEAD:
            return None
        at = PyBytes_AS_STRING(data)
        if memcmp(at, PyBytes_AS_STRING(self.mark), 9):
            return None
        memcpy(&n_positions, at + 13, 2)
        if PyBytes_GET_SIZE(data) < HEAD + n_positions * POSITION:
            return None
        at += HEAD
        for i in range(n_positions):
            memcpy(&partition, at + 16, 4)
            memcpy(&offset, at + 20, 8)
            positions.append((log_text(PyBytes_FromStringAndSize(at, 16)), partition, offset))
            at += POSITION
        if n_positions > 1 and len({(log, number) for log, number, _ in positions}) < n_positions:
            return None
        return tuple(positions)

    def encode(self, state):
        """Bytes as stored; None where something needs more than 8 bytes, or is to be refused."""
        cdef dict positions = state.positions
        cdef list rings = state.rings, tip = state.tip, ever = state.ever
        cdef Py_ssize_t n_positions = len(positions), size, i, n
        cdef long long newest_us
        cdef Shape shape
        cdef bytes data
        cdef char *at
        if not 0 < n_positions <= MOST_POSITIONS or not fits(state.newest_us, &newest_us):
            return None
        size = HEAD + n_positions * POSITION + 8 + row_size(tip, self.tip) + row_size(ever, self.ever)
        for i in range(len(self.rings)):
            shape, ring = self.rings[i], rings[i]
            if not is_column(ring.tiles) or not is_column(ring.integers):
                return None
            n = len(<array>ring.tiles)
            if len(<array>ring.integers) != n * shape.n_integers or len(ring.cells) != shape.n_cells:
                return None
            size += 4 + shape.n_integers + 8 * n * (1 + shape.n_integers)
            for column in ring.cells:
                size += cells_size(column, 0, n)
        data = PyBytes_FromStringAndSize(NULL, size)
        at = self.put_head(PyBytes_AS_STRING(data), state.repair, positions)
        if at == NULL:
            return None
        memcpy(at, &newest_us, 8)
        at = put_row(at + 8, tip, self.tip)
        at = NULL if at == NULL else put_row(at, ever, self.ever)
        if at == NULL:
            return None
        for i in range(len(self.rings)):
            at = put_ring(at, rings[i], self.rings[i])
        return data if at - PyBytes_AS_STRING(data) == size else None

    cdef char *put_head(self, char *at, object repair, dict positions) except? NULL:
        """Write version, view hash, repair counter and sorted positions; NULL where a number is to be refused."""
        cdef long long count, partition, offset
        cdef unsigned int counted
        cdef unsigned short n = <unsigned short>len(positions)
        cdef int own
        cdef char *first
        if not fits(repair, &count) or not 0 <= count < 1LL << 32:
            return NULL
        counted = <unsigned int>count
        memcpy(at, PyBytes_AS_STRING(self.mark), 9)
        memcpy(at + 9, &counted, 4)
        memcpy(at + 13, &n, 2)
        at += HEAD
        first = at
        for (log, number), last in positions.items():
            if not fits(number, &partition) or not fits(last, &offset) or partition != <int>partition:
                return NULL
            own = <int>partition
            memcpy(at, PyBytes_AS_STRING(<bytes?>log_bytes(log)), 16)
            memcpy(at + 16, &own, 4)
            memcpy(at + 20, &offset, 8)
            at += POSITION
        if n > 1:
            qsort(first, n, POSITION, order)
        return at


cdef int order(const void *one, const void *other) noexcept nogil:
    return memcmp(one, other, POSITION)


cdef Py_ssize_t row_size(list row, Shape shape) except -1:
    if len(row) != shape.n_integers + shape.n_cells:
        raise ValueError("a row of another view")
    return 1 + 8 * shape.n_integers + cells_size(row, shape.n_integers, len(row))


cdef Py_ssize_t cells_size(list cells, Py_ssize_t begin, Py_ssize_t end) except -1:
    """Bytes of lengths and cells."""
    cdef Py_ssize_t size = 2 * (end - begin), i
    if len(cells) < end:
        raise ValueError("a column of cells is shorter than its tiles")
    for i in range(begin, end):
        size += PyBytes_GET_SIZE(<bytes?>cells[i])
    return size


cdef char *put_row(char *at, list row, Shape shape) except? NULL:
    """Write a row of partials; NULL where one does not fit."""
    cdef long long integer
    cdef Py_ssize_t i
    at[0] = 8
    at += 1
    for i in range(shape.n_integers):
        if not fits(row[i], &integer):
            return NULL
        memcpy(at, &integer, 8)
        at += 8
    return put_cells(at, row, shape.n_integers, len(row)) if shape.n_cells else at


cdef char *put_ring(char *at, object ring, Shape shape) except NULL:
    """Write the tiles of a hop."""
    cdef array tiles = ring.tiles, integers = ring.integers
    cdef unsigned int n_tiles = <unsigned int>len(tiles)
    cdef Py_ssize_t i
    memcpy(at, &n_tiles, 4)
    at += 4
    for i in range(shape.n_integers):
        at[i] = 8
    at += shape.n_integers
    memcpy(at, of(tiles), 8 * len(tiles))
    at += 8 * len(tiles)
    memcpy(at, of(integers), 8 * len(integers))
    at += 8 * len(integers)
    for column in ring.cells:
        at = put_cells(at, column, 0, len(tiles))
    return at


cdef char *put_cells(char *at, list cells, Py_ssize_t begin, Py_ssize_t end) except NULL:
    """Write lengths and cells."""
    cdef char *lengths = at
    cdef unsigned short length
    cdef Py_ssize_t i
    cdef bytes cell
    at += 2 * (end - begin)
    for i in range(begin, end):
        cell = <bytes>cells[i]
        if PyBytes_GET_SIZE(cell) > 0xFFFF:
            raise OverflowError(f"a cell of {len(cell)} bytes")
        length = <unsigned short>PyBytes_GET_SIZE(cell)
        memcpy(lengths, &length, 2)
        lengths += 2
        memcpy(at, PyBytes_AS_STRING(cell), length)
        at += length
    return at
