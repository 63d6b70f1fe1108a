"""Vectors of rows of which there is nothing to say: every view knows the entity, none is stale or ahead of the row.

What `grpc_api.finishing` and `features.vector` do for all rows is done here at once for most.
"""

from cpython.array cimport array

from features.compiled.int64s cimport fits, of


cdef class FreshVectors:
    """Finishes and puts together the vectors of one feature service.

    Parameters
    ----------
    finishers
        Of each view.
    ttls_us
        How long each view's values hold; 0 for ever.
    places
        View, and feature of it, of each value of the vector.

    """

    cdef list finishers, places
    cdef array ttls_us, views, ordinals
    cdef bint is_whole

    def __init__(self, *, finishers, ttls_us, places):
        self.finishers = list(finishers)
        self.ttls_us = array("q", ttls_us)
        self.views = array("q", [view for view, _ in places])
        self.ordinals = array("q", [ordinal for _, ordinal in places])
        self.is_whole = len(self.finishers) == 1 and places == [(0, ordinal) for ordinal in range(finishers[0].n_values)]

    def take(self, stored, as_of_us):
        """A row's vector, and the newest event of each view and of all, from its states; None for other rows."""
        cdef long long instant, newest_us, newest_of_all_us = 0, ttl_us
        cdef Py_ssize_t i, n = len(self.finishers)
        cdef list found = [], newest = []
        if not fits(as_of_us, &instant) or len(stored) != n:
            return None
        for i in range(n):
            finished = self.finishers[i].finish_stored(stored[i], as_of_us, True)
            if finished is None:
                return None
            values, view_newest = <tuple>finished
            newest_us, ttl_us = view_newest, of(self.ttls_us)[i]
            if instant < newest_us or (ttl_us and instant - newest_us > ttl_us):
                return None
            found.append(values)
            newest.append(view_newest)
            newest_of_all_us = max(newest_us, newest_of_all_us) if i else newest_us
        if self.is_whole:
            return found[0], newest, newest_of_all_us
        vector = [(<list>found[of(self.views)[i]])[of(self.ordinals)[i]] for i in range(len(self.views))]
        return vector, newest, newest_of_all_us
