"""Tiles into features: what `features.kernel.ViewKernel.finish` does, and Feast's fields of it.

A window of integers is merged here, sums in 128 bits; cells are merged, and what is no plain quotient is finished, by
the functions that Python uses.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc

from cpython.array cimport array
from libc.math cimport NAN

from features.compiled.feast_messages cimport double_message, integer_message, timestamp_message
from features.compiled.int64s cimport (
    ADD,
    FAR,
    FIRST_CELL,
    MIN,
    all_fit,
    first_at_least,
    fits,
    floored,
    int128,
    is_column,
    of,
    wide,
)

from features.compiled.stored_state cimport Columns, StoredShape, StoredState

from features.aggregates import EMPTY_MAX as _EMPTY_MAX
from features.aggregates import EMPTY_MIN as _EMPTY_MIN
from features.feast_layout import encode_value
from features.ring import MERGE_CELLS

cdef long long EMPTY_MIN = _EMPTY_MIN, EMPTY_MAX = _EMPTY_MAX
cdef long long EXACT = 1LL << 53
"""Integers up to here are doubles, and a division of two of them rounds once."""

cdef enum Kind:
    NULL_VALUE
    INTEGER
    DOUBLE
    OBJECT

cdef struct Value:
    Kind kind
    long long integer
    double number

cdef enum Function:  # those that end in a count or in one quotient
    COUNT
    SUM
    LEAST
    GREATEST
    MEAN
    SINCE_LAST
    SINCE_FIRST
    OTHER

_FUNCTIONS = {
    "count": COUNT,
    "sum": SUM,
    "min": LEAST,
    "max": GREATEST,
    "mean": MEAN,
    "seconds_since_last": SINCE_LAST,
    "seconds_since_first": SINCE_FIRST,
}

cdef class Window:
    """One span: see `features.kernel_plan.Span`."""

    cdef Py_ssize_t ring, n, n_held, n_cells
    cdef long long length_us, hop_us
    cdef array columns, codes, slots, weights

    def __init__(self, span, rings):
        self.ring = -1 if span.ring is None else span.ring
        self.length_us = span.length_us
        self.hop_us = 1 if span.ring is None else rings[span.ring].hop_us
        self.n_cells = 0 if span.ring is None else rings[span.ring].n_cells
        self.n_held = 0 if span.ring is None else len(rings[span.ring].held)
        self.n = len(span.columns)
        self.columns = array("q", [column for column, _, _ in span.columns])
        self.codes = array("q", [code for _, code, _ in span.columns])
        self.slots = array("q", [slot for _, _, slot in span.columns])
        self.weights = array("q", span.weights)

    cdef bint merge_ever(self, list ever, bint tip_in, long long *tip, list tip_row, int128 *sums, list cells) except -1:
        """Partials since ever; False where one does not fit."""
        cdef long long partial
        cdef Py_ssize_t i, slot
        for i in range(self.n):
            slot, found = of(self.slots)[i], ever[of(self.columns)[i]]
            if of(self.codes)[i] >= FIRST_CELL:
                cells[i] = MERGE_CELLS[of(self.codes)[i]]((found, tip_row[slot])) if tip_in else found
                continue
            if not fits(found, &partial):
                return False
            sums[i] = partial
            if tip_in:
                sums[i] = merged(of(self.codes)[i], partial, tip[slot])
        return True

    cdef bint merge(
        self, object ring, long long at_us, long long newest_us, bint tip_in, long long *tip, list tip_row,
        int128 *sums, list cells,
    ) except -1:
        """Partials of the tiles that the window covers, and of the tip; False where they are to be left to Python."""
        cdef object tiles = ring.tiles, integers = ring.integers
        cdef Py_ssize_t n = len(tiles), begin, i
        cdef long long first = floored(at_us - self.length_us, self.hop_us)
        if not is_column(tiles) or not is_column(integers) or len(integers) != n * (self.n_held - self.n_cells):
            return False
        if not self.merge_columns(of(tiles), of(integers), n, at_us, newest_us, tip_in, tip, sums):
            return False
        begin = first_at_least(of(tiles), n, first)
        tip_in = tip_in and floored(newest_us, self.hop_us) >= first
        for i in range(self.n):
            if of(self.codes)[i] >= FIRST_CELL:
                covered = ring.cells[of(self.columns)[i] - self.n_held + self.n_cells][begin:]
                cells[i] = MERGE_CELLS[of(self.codes)[i]]([*covered, tip_row[of(self.slots)[i]]] if tip_in else covered)
        return True

    cdef bint merge_columns(
        self, long long *tiles, long long *integers, Py_ssize_t n, long long at_us, long long newest_us, bint tip_in,
        long long *tip, int128 *sums,
    ) noexcept:
        """Partials that are integers; False where they are to be left to Python."""
        cdef long long first = floored(at_us - self.length_us, self.hop_us), code
        cdef Py_ssize_t begin = first_at_least(tiles, n, first), i
        tip_in = tip_in and floored(newest_us, self.hop_us) >= first
        if len(self.weights):
            return self.weigh(tiles, integers, begin, n, at_us, newest_us, tip_in, tip, sums)
        for i in range(self.n):
            code = of(self.codes)[i]
            if code >= FIRST_CELL:
                continue
            sums[i] = total(code, integers + of(self.columns)[i] * n, begin, n)
            if tip_in:
                sums[i] = merged(code, sums[i], tip[of(self.slots)[i]])
        return True

    cdef void merge_stored_ever(self, long long *ever, bint tip_in, long long *tip, int128 *sums) noexcept:
        """Partials since ever, all of them integers."""
        cdef Py_ssize_t i
        for i in range(self.n):
            sums[i] = ever[of(self.columns)[i]]
            if tip_in:
                sums[i] = merged(of(self.codes)[i], sums[i], tip[of(self.slots)[i]])

    cdef bint weigh(
        self, long long *tiles, long long *integers, Py_ssize_t begin, Py_ssize_t n, long long at_us, long long newest_us,
        bint tip_in, long long *tip, int128 *sums,
    ) noexcept:
        """Sums weighted by the age of their tile; False where a tile is older than all weights, or not there yet."""
        cdef long long now = floored(at_us, self.hop_us), of_tip = now - floored(newest_us, self.hop_us)
        cdef long long *weights = of(self.weights)
        cdef Py_ssize_t i, j, n_weights = len(self.weights)
        cdef long long *column
        for j in range(begin, n):
            if not 0 <= now - tiles[j] < n_weights:
                return False
        if tip_in and not 0 <= of_tip < n_weights:
            return False
        for i in range(self.n):
            column = integers + of(self.columns)[i] * n
            sums[i] = <int128>weights[of_tip] * tip[of(self.slots)[i]] if tip_in else 0
            for j in range(begin, n):
                sums[i] += <int128>column[j] * weights[now - tiles[j]]
        return True


cdef class Finisher:
    """Finishes the features of a view.

    Parameters
    ----------
    view_hash
        8 bytes.
    n_integers
        How many partials of an event's row are integers; they come first.
    tip, ever, rings, spans, outputs
        As the plan of the kernel has them.
    functions
        The name of each feature's function.
    row
        Writes Feast's fields.

    Attributes
    ----------
    n_values
        How many features there are.
    is_plain
        Whether stored states are finished here at all: whether all that they hold are integers.

    """

    cdef Py_ssize_t n_partials, n_integers
    cdef readonly Py_ssize_t n_values
    cdef readonly bint is_plain
    cdef StoredShape stored
    cdef list windows, outputs
    cdef array functions, picks, others, scales
    cdef list template

    def __init__(self, *, view_hash, n_integers, tip, ever, rings, spans, outputs, functions, row):
        self.stored = StoredShape(view_hash, [tip, ever, *(ring.held for ring in rings)])
        self.is_plain = self.stored.is_plain
        self.n_integers = n_integers
        self.windows = [Window(span, rings) for span in spans]
        self.outputs = list(outputs)
        self.n_partials = sum(len(span.columns) for span in spans)
        self.n_values = len(outputs)
        places = [list(output.pick(range(self.n_partials))) for output in outputs]
        self.picks = array("q", [place[0] for place in places])
        self.others = array("q", [place[len(place) - 1] for place in places])
        plain = [output.scale <= EXACT for output in outputs]
        self.functions = array(
            "q", [_FUNCTIONS.get(name, OTHER) if fit else OTHER for name, fit in zip(functions, plain, strict=True)]
        )
        self.scales = array("q", [output.scale if fit else 1 for output, fit in zip(outputs, plain, strict=True)])
        self.template = row.template

    def finish(self, state, at_us):
        """Values of all features; None where something does not fit."""
        cdef Value *values = <Value *>PyMem_Malloc((self.n_values + 1) * sizeof(Value))
        cdef list objects = []
        cdef Py_ssize_t i
        if values == NULL:
            raise MemoryError
        try:
            if not self.compute(state, at_us, values, objects):
                return None
            return [as_object(&values[i], objects) for i in range(self.n_values)]
        finally:
            PyMem_Free(values)

    def finish_stored(self, data, asked_us, bint as_numbers=False):
        """Values of all features of a stored state, and its newest event's time; None where something is unusual.

        As numbers all are doubles, NaN for null.
        """
        cdef long long at_us, newest_us
        cdef StoredState found
        cdef Value *values
        cdef int128 *sums
        cdef list objects = []
        cdef Py_ssize_t i
        if not self.is_plain or type(data) is not bytes or not fits(asked_us, &at_us) or not -FAR < at_us < FAR:
            return None
        sums = <int128 *>PyMem_Malloc(
            (self.n_partials + 1) * sizeof(int128) + (self.n_values + 1) * sizeof(Value) + self.stored.room(data)
        )
        if sums == NULL:
            raise MemoryError
        values = <Value *>(sums + self.n_partials + 1)
        try:
            if not self.stored.lay_out(data, values + self.n_values + 1, &found):
                return None
            newest_us = found.newest_us
            if not -FAR < newest_us < FAR:
                return None
            at_us = max(at_us, newest_us)
            if not self.merge_stored(&found, at_us, sums):
                return None
            self.end(at_us, sums, None, values, objects)
            if as_numbers:
                return [as_number(&values[i], objects) for i in range(self.n_values)], newest_us
            return [as_object(&values[i], objects) for i in range(self.n_values)], newest_us
        finally:
            PyMem_Free(sums)

    def fields(self, state):
        """Feast's fields as of one microsecond after the newest event; None where something does not fit."""
        cdef Value *values
        cdef list objects = [], fields = self.template.copy()
        cdef long long newest_us
        cdef Py_ssize_t i
        if not fits(state.newest_us, &newest_us) or not -FAR < newest_us < FAR:
            return None
        values = <Value *>PyMem_Malloc((self.n_values + 1) * sizeof(Value))
        if values == NULL:
            raise MemoryError
        try:
            if not self.compute(state, newest_us + 1, values, objects):
                return None
            for i in range(self.n_values):
                fields[2 * i + 1] = as_feast(&values[i], objects)
        finally:
            PyMem_Free(values)
        fields[2 * self.n_values + 1] = timestamp_message(newest_us)
        return fields

    cdef bint compute(self, state, object asked_us, Value *values, list objects) except -1:
        """Values of all features; False where something does not fit."""
        cdef Py_ssize_t n = self.n_partials
        cdef int128 *sums
        cdef long long at_us, newest_us
        if not fits(asked_us, &at_us) or not -FAR < at_us < FAR:
            return False
        newest = state.newest_us
        if newest is None:
            newest_us = at_us
        elif not fits(newest, &newest_us) or not -FAR < newest_us < FAR:
            return False
        sums = <int128 *>PyMem_Malloc((n + 1) * sizeof(int128) + (self.n_integers + 1) * sizeof(long long))
        if sums == NULL:
            raise MemoryError
        try:
            return self.compute_at(
                state, max(at_us, newest_us), newest_us, <long long *>(sums + n + 1), sums, values, objects
            )
        finally:
            PyMem_Free(sums)

    cdef bint compute_at(
        self, state, long long at_us, long long newest_us, long long *tip, int128 *sums, Value *values, list objects
    ) except -1:
        cdef list rings = state.rings, tip_row = state.tip
        cdef Py_ssize_t done = 0
        cdef bint tip_in = at_us > newest_us, merged_all
        cdef Window window
        cdef list cells = [None] * self.n_partials
        if not all_fit(tip_row, self.n_integers, tip):
            return False
        for window in self.windows:
            own_cells = [None] * window.n
            if window.ring < 0:
                merged_all = window.merge_ever(state.ever, tip_in, tip, tip_row, sums + done, own_cells)
            else:
                merged_all = window.merge(
                    rings[window.ring], at_us, newest_us, tip_in, tip, tip_row, sums + done, own_cells
                )
            if not merged_all:
                return False
            cells[done : done + window.n] = own_cells
            done += window.n
        self.end(at_us, sums, cells, values, objects)
        return True

    cdef bint merge_stored(self, StoredState *found, long long at_us, int128 *sums) noexcept:
        """Partials of all windows; False where they are to be left to Python."""
        cdef bint tip_in = at_us > found.newest_us
        cdef long long *tip = found.columns[0].integers
        cdef Columns *ring
        cdef Window window
        for window in self.windows:
            if window.ring < 0:
                window.merge_stored_ever(found.columns[1].integers, tip_in, tip, sums)
            else:
                ring = &found.columns[2 + window.ring]
                if not window.merge_columns(
                    ring.tiles, ring.integers, ring.n, at_us, found.newest_us, tip_in, tip, sums
                ):
                    return False
            sums += window.n
        return True

    cdef int end(self, long long at_us, int128 *sums, list cells, Value *values, list objects) except -1:
        """End each feature's merged partials in its value; ``cells`` are those that are none of integers, if any is."""
        cdef Py_ssize_t i, j
        cdef list merged_partials = None
        for i in range(self.n_values):
            if self.plain(i, at_us, sums, &values[i]):
                continue
            if merged_partials is None:
                merged_partials = [
                    wide(sums[j]) if cells is None or cells[j] is None else cells[j] for j in range(self.n_partials)
                ]
            pick, finish, scale = self.outputs[i]
            values[i].kind = OBJECT
            values[i].integer = len(objects)
            objects.append(finish(pick(merged_partials), at_us, scale))
        return 0

    cdef bint plain(self, Py_ssize_t i, long long at_us, int128 *sums, Value *value) noexcept:
        """Whether a value is a count, or a quotient of integers that are doubles, or null; it is made then."""
        cdef int function = <int>of(self.functions)[i]
        cdef int128 dividend, divisor = of(self.scales)[i]
        if function == OTHER:
            return False
        dividend = sums[of(self.picks)[i]]
        if function == COUNT:
            value.kind, value.integer = INTEGER, <long long>dividend
            return <int128>value.integer == dividend
        value.kind = NULL_VALUE
        if function == LEAST and dividend == EMPTY_MIN or function == GREATEST and dividend == EMPTY_MAX:
            return True
        if function == MEAN:
            divisor = divisor * sums[of(self.others)[i]]
            if divisor == 0:
                return True
        elif function == SINCE_LAST or function == SINCE_FIRST:
            if dividend == (EMPTY_MAX if function == SINCE_LAST else EMPTY_MIN):
                return True
            dividend, divisor = at_us - dividend, 1_000_000
        if not (-EXACT <= dividend <= EXACT and 0 < divisor <= EXACT):
            return False
        value.kind, value.number = DOUBLE, <double>dividend / <double>divisor
        return True


cdef inline int128 merged(long long code, int128 one, int128 other) noexcept:
    if code == ADD:
        return one + other
    if code == MIN:
        return one if one < other else other
    return one if one > other else other


cdef inline int128 total(long long code, long long *column, Py_ssize_t begin, Py_ssize_t n) noexcept:
    """A column merged from a place on."""
    cdef int128 added = 0
    cdef long long found
    cdef Py_ssize_t i
    if code == ADD:
        for i in range(begin, n):
            added += column[i]
        return added
    if code == MIN:
        found = EMPTY_MIN
        for i in range(begin, n):
            found = column[i] if column[i] < found else found
        return found
    found = EMPTY_MAX
    for i in range(begin, n):
        found = column[i] if column[i] > found else found
    return found


cdef inline object as_object(Value *value, list objects):
    """A value as Python has it."""
    if value.kind == DOUBLE:
        return value.number
    if value.kind == INTEGER:
        return value.integer
    return None if value.kind == NULL_VALUE else objects[value.integer]


cdef inline object as_number(Value *value, list objects):
    """A value as models take it."""
    if value.kind == DOUBLE:
        return value.number
    if value.kind == INTEGER:
        return <double>value.integer
    found = None if value.kind == NULL_VALUE else objects[value.integer]
    return NAN if found is None else float(found)


cdef inline object as_feast(Value *value, list objects):
    """Feast's ``Value`` message of it."""
    if value.kind == DOUBLE:
        return double_message(value.number)
    if value.kind == INTEGER:
        return integer_message(value.integer)
    return b"" if value.kind == NULL_VALUE else encode_value(objects[value.integer])
