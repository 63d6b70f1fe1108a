"""Events into tiles: what `features.kernel.ViewKernel.apply_many` does, over views whose partials are all integers."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memcpy, memmove

from cpython.array cimport array, resize

from features.compiled.int64s cimport (
    ADD,
    FAR,
    FIRST_CELL,
    MIN,
    add_overflows,
    all_fit,
    first_at_least,
    fits,
    floored,
    int128,
    is_column,
    of,
)

cdef enum Lift:  # as in features/kernel.py
    ONE = 0
    VALUE = 1
    TIME = 2
    SQUARE_LOW = 3
    SQUARE_HIGH = 4


cdef class Held:
    """What a tile, or since-ever, holds of a row: see `features.ring.Held`."""

    cdef tuple held
    cdef Py_ssize_t n
    cdef array codes, slots

    def __init__(self, held):
        self.held = held
        self.codes = array("q", [code for code, _ in held if code < FIRST_CELL])
        self.slots = array("q", [slot for code, slot in held if code < FIRST_CELL])
        self.n = len(self.codes)

    cdef bint merges(self, long long *into, Py_ssize_t step, long long *row) noexcept:
        """Merge a row into integers that stand a step apart; False, and nothing is changed, where a sum leaves 64 bits."""
        cdef long long *codes = of(self.codes)
        cdef long long *slots = of(self.slots)
        cdef long long total, value
        cdef Py_ssize_t i
        for i in range(self.n):
            if codes[i] == ADD and add_overflows(into[i * step], row[slots[i]], &total):
                return False
        for i in range(self.n):
            value = row[slots[i]]
            if codes[i] == ADD:
                into[i * step] += value
            elif codes[i] == MIN:
                if value < into[i * step]:
                    into[i * step] = value
            elif value > into[i * step]:
                into[i * step] = value
        return True


cdef class Tiles(Held):
    """The tiles of one hop: see `features.kernel_plan.RingPlan`."""

    cdef long long hop_us, keep_us

    def __init__(self, ring):
        super().__init__(ring.held)
        self.hop_us = ring.hop_us
        self.keep_us = ring.keep_us

    cdef int fold(self, object ring, long long event_us, long long *row, object whole_row, long long newest_us) except -1:
        """Drop what no window covers any more, and merge a row into its tile if one does."""
        cdef bint has_cells = len(self.held) > self.n
        cdef object tiles = ring.tiles, integers = ring.integers
        cdef long long first = floored(newest_us - self.keep_us, self.hop_us)
        cdef long long tile = floored(event_us, self.hop_us)
        cdef Py_ssize_t n = len(tiles), place
        if not is_column(tiles) or not is_column(integers) or len(integers) != n * self.n:
            ring.drop_before(first)
            if tile >= first:
                ring.merge(tile, self.held, self.in_python(row) if whole_row is None else whole_row)
            return 0
        if n and of(tiles)[0] < first:
            place = first_at_least(of(tiles), n, first)
            if has_cells:
                ring.drop_cells(place)
            n = self.drop(<array>tiles, <array>integers, n, place)
        if tile < first:
            return 0
        place = n - 1 if n and of(tiles)[n - 1] == tile else first_at_least(of(tiles), n, tile)
        if place == n or of(tiles)[place] != tile:
            self.insert(<array>tiles, <array>integers, n, place, tile, row)
            if has_cells:
                ring.insert_cells(place, self.held, whole_row)
        elif not self.merges(of(integers) + place, n, row):
            ring.merge(tile, self.held, self.in_python(row) if whole_row is None else whole_row)
        elif has_cells:
            ring.merge_cells(place, self.held, whole_row)
        return 0

    cdef list in_python(self, long long *row):
        """A row of integers as Python has it, up to the last slot that is held."""
        cdef Py_ssize_t i
        return [row[i] for i in range(1 + of(self.slots)[self.n - 1])] if self.n else []

    cdef Py_ssize_t drop(self, array tiles, array integers, Py_ssize_t n, Py_ssize_t dropped) except -1:
        """Drop the first tiles; how many are left."""
        cdef Py_ssize_t left = n - dropped, i
        cdef long long *columns = of(integers)
        for i in range(self.n):
            memmove(columns + i * left, columns + i * n + dropped, left * 8)
        memmove(of(tiles), of(tiles) + dropped, left * 8)
        resize(integers, self.n * left)
        resize(tiles, left)
        return left

    cdef int insert(
        self, array tiles, array integers, Py_ssize_t n, Py_ssize_t place, long long tile, long long *row
    ) except -1:
        """Put a tile before the one at a place, its last column first: the others are where they were then."""
        cdef long long *columns
        cdef long long *slots = of(self.slots)
        cdef Py_ssize_t i
        resize(tiles, n + 1)
        resize(integers, self.n * (n + 1))
        columns = of(integers)
        for i in range(self.n - 1, -1, -1):
            memmove(columns + i * (n + 1) + place + 1, columns + i * n + place, (n - place) * 8)
            memmove(columns + i * (n + 1), columns + i * n, place * 8)
            columns[i * (n + 1) + place] = row[slots[i]]
        memmove(of(tiles) + place + 1, of(tiles) + place, (n - place) * 8)
        of(tiles)[place] = tile
        return 0


cdef class Folder:
    """Folds events of a view.

    Parameters
    ----------
    lifts
        What fills each slot of integers of a row: how, from which column, and the identity.
    tip, ever
        What the tip and since-ever hold.
    rings
        As the plan of the kernel has them.

    """

    cdef Py_ssize_t n_slots
    cdef array lifts, columns, identities
    cdef Held tip, ever
    cdef list rings

    def __init__(self, *, lifts, tip, ever, rings):
        self.n_slots = len(lifts)
        self.lifts = array("q", [lift for lift, _, _ in lifts])
        self.columns = array("q", [column for _, column, _ in lifts])
        self.identities = array("q", [identity for _, _, identity in lifts])
        self.tip, self.ever = Held(tip), Held(ever)
        self.rings = [Tiles(ring) for ring in rings]

    def apply_many(self, state, partition, offsets, event_us, rows, indexes):
        """Fold some events of a batch into a state without cells: how many were looked at, how many were not fenced.

        It stops before the first event that does not fit; the state is then as if the batch ended there.
        """
        cdef Py_ssize_t n = self.n_slots, n_ever = self.ever.n
        cdef long long *row = <long long *>PyMem_Malloc((2 * n + n_ever + 1) * sizeof(long long))
        if row == NULL:
            raise MemoryError
        try:
            return self._apply_many(state, partition, offsets, event_us, rows, indexes, row, row + n, row + 2 * n)
        finally:
            PyMem_Free(row)

    cdef tuple _apply_many(
        self, state, partition, offsets, event_us, rows, indexes, long long *row, long long *tip, long long *ever
    ):
        cdef Py_ssize_t n = self.n_slots, looked_at = 0, applied = 0
        cdef long long newest_us = 0, at_us, offset, position
        cdef bint begun = state.newest_us is not None
        cdef list rings = state.rings
        if not all_fit(state.tip, n, tip) or not all_fit(state.ever, self.ever.n, ever):
            return 0, 0
        if begun and not (fits(state.newest_us, &newest_us) and -FAR < newest_us < FAR):
            return 0, 0
        if not fits(state.positions.get(partition, -1), &position):
            return 0, 0
        for index in indexes:
            if not fits(offsets[index], &offset):
                break
            if offset > position:
                if not self.lift(tuple(rows[index]), event_us[index], row, &at_us):
                    break
                if not begun:
                    memcpy(tip, row, n * 8)
                    newest_us, begun = at_us, True
                elif at_us > newest_us:
                    if not self.ever.merges(ever, 1, tip):
                        break
                    self.fold(rings, newest_us, tip, None, at_us)
                    memcpy(tip, row, n * 8)
                    newest_us = at_us
                elif at_us == newest_us:
                    if not self.tip.merges(tip, 1, row):
                        break
                else:
                    if not self.ever.merges(ever, 1, row):
                        break
                    self.fold(rings, at_us, row, None, newest_us)
                position = offset
                applied += 1
            looked_at += 1
        if applied:
            state.positions[partition] = position
            state.newest_us = newest_us
            state.tip = [tip[i] for i in range(n)]
            state.ever = [ever[i] for i in range(self.ever.n)]
        return looked_at, applied

    def fold_row(self, list rings, event_us, list whole_row, newest_us):
        """Merge a row, cells and all, into its tile of each ring; False, and nothing is changed, where it does not fit."""
        cdef long long at_us, latest_us
        cdef long long *row
        if not fits(event_us, &at_us) or not fits(newest_us, &latest_us):
            return False
        if not (-FAR < at_us < FAR and -FAR < latest_us < FAR):
            return False
        row = <long long *>PyMem_Malloc((self.n_slots + 1) * sizeof(long long))
        if row == NULL:
            raise MemoryError
        try:
            if not all_fit(whole_row, self.n_slots, row):
                return False
            self.fold(rings, at_us, row, whole_row, latest_us)
        finally:
            PyMem_Free(row)
        return True

    cdef int fold(self, list rings, long long event_us, long long *row, object whole_row, long long newest_us) except -1:
        """Merge a row into its tile of each ring; ``whole_row`` is the same with its cells, None where there are none."""
        cdef Py_ssize_t i
        for i in range(len(self.rings)):
            (<Tiles>self.rings[i]).fold(rings[i], event_us, row, whole_row, newest_us)
        return 0

    cdef bint lift(self, tuple columns, object event_us, long long *row, long long *at_us) except -1:
        """Whether an event's partials fit, which are then its row."""
        cdef long long *lifts = of(self.lifts)
        cdef long long *ordinals = of(self.columns)
        cdef long long value
        cdef int128 square
        cdef Py_ssize_t i
        if not fits(event_us, at_us) or not -FAR < at_us[0] < FAR:
            return False
        for i in range(self.n_slots):
            column = columns[ordinals[i]]
            if column is None:
                row[i] = of(self.identities)[i]
            elif lifts[i] == ONE:
                row[i] = 1
            elif lifts[i] == TIME:
                row[i] = at_us[0]
            elif not fits(column, &value):
                return False
            elif lifts[i] == VALUE:
                row[i] = value
            else:
                square = <int128>value * value
                if square >> 105:
                    return False
                row[i] = <long long>(square & ((1LL << 42) - 1) if lifts[i] == SQUARE_LOW else square >> 42)
        return True
