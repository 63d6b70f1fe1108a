# cython: boundscheck=False
"""TreeSHAP, one tree after another: what `features.shapley.tree_shap.TreeShap` does, and says why."""

from libc.math cimport isnan
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc

import numpy as np


cdef class TreeWalker:
    """Walks an ensemble's paths. The arrays are those of `TreeTables` and `TreePaths`, which are in range."""

    cdef const int32_t[::1] outputs, asks, member_bounds, parents, splits, features, earlier, starts
    cdef const uint8_t[::1] nan_lefts, lefts
    cdef const double[::1] thresholds, members, values, shares, points, weights
    cdef Py_ssize_t n_features, most_nodes

    def __init__(self, tables, paths, points, weights, n_features):
        self.n_features = n_features
        self.outputs, self.asks, self.member_bounds = tables.outputs, tables.features, tables.member_bounds
        self.thresholds, self.members = tables.thresholds, tables.members
        self.nan_lefts = tables.nan_lefts.view(np.uint8)
        self.parents, self.splits, self.features = paths.parents, paths.splits, paths.features
        self.earlier, self.starts, self.lefts = paths.earlier, paths.starts, paths.lefts.view(np.uint8)
        self.values, self.shares = paths.values, paths.shares
        self.points, self.weights = points, weights
        self.most_nodes = np.diff(paths.starts).max()

    def add_contributions(self, const double[::1] row, int output, double[::1] into):
        """Add what each feature of a row contributed to an output."""
        cdef Py_ssize_t width = self.points.shape[0], tree
        cdef double *products
        cdef uint8_t *own
        if row.shape[0] != self.n_features or into.shape[0] != self.n_features:
            raise ValueError(f"a row has {row.shape[0]} features, the model {self.n_features}")
        products = <double *>malloc(self.most_nodes * width * 3 * sizeof(double))
        own = <uint8_t *>malloc(self.most_nodes * 2)
        if products == NULL or own == NULL:
            free(products)
            free(own)
            raise MemoryError
        with nogil:
            for tree in range(self.outputs.shape[0]):
                if self.outputs[tree] == output:
                    self.add_tree(tree, width, row, into, products, own)
        free(products)
        free(own)

    cdef void add_tree(
        self, Py_ssize_t tree, Py_ssize_t width, const double[::1] row, double[::1] into, double *products, uint8_t *own
    ) noexcept nogil:
        """Add one tree's part. ``products`` holds three tables of its nodes, ``own`` two columns."""
        cdef Py_ssize_t begin = self.starts[tree], n = self.starts[tree + 1] - begin, i, q, parent, before
        cdef double *inverses = products + n * width
        cdef double *sums = inverses + n * width
        cdef uint8_t *goes_left = own + n
        cdef double share, hot, factor, term, term_before, value
        for q in range(width):
            products[q] = 1.0
            inverses[q] = 1.0
            sums[q] = 0.0
        own[0] = 1
        goes_left[0] = self.decide(self.splits[begin], row)
        for i in range(1, n):
            parent, before = self.parents[begin + i] - begin, self.earlier[begin + i]
            if before >= 0:
                before -= begin
            own[i] = goes_left[parent] == self.lefts[begin + i] and (before < 0 or own[before])
            goes_left[i] = self.decide(self.splits[begin + i], row)
            share, hot, value = self.shares[begin + i], own[i], self.values[begin + i]
            for q in range(width):
                factor = hot * self.points[q] + (1.0 - self.points[q]) * share
                inverses[i * width + q] = 1.0 / factor if factor > 0.0 else 0.0
                products[i * width + q] = products[parent * width + q] * factor
            if before >= 0:
                for q in range(width):
                    products[i * width + q] *= inverses[before * width + q]
            for q in range(width):
                sums[i * width + q] = products[i * width + q] * value
        for i in range(n - 1, 0, -1):
            parent, before = self.parents[begin + i] - begin, self.earlier[begin + i]
            term = term_before = 0.0
            for q in range(width):
                sums[parent * width + q] += sums[i * width + q]
                term += self.weights[q] * sums[i * width + q] * inverses[i * width + q]
            term *= own[i] - self.shares[begin + i]
            if before >= 0:
                before -= begin
                for q in range(width):
                    term_before += self.weights[q] * sums[i * width + q] * inverses[before * width + q]
                term -= (own[before] - self.shares[begin + before]) * term_before
            into[self.features[begin + i]] += term

    cdef inline uint8_t decide(self, Py_ssize_t split, const double[::1] row) noexcept nogil:
        """Whether the row goes left at a split; at a leaf, nothing is asked."""
        cdef double value
        cdef Py_ssize_t at
        if split < 0:
            return 0
        value = row[self.asks[split]]
        if isnan(value):
            return self.nan_lefts[split]
        if self.member_bounds[split] == self.member_bounds[split + 1]:
            return value <= self.thresholds[split]
        for at in range(self.member_bounds[split], self.member_bounds[split + 1]):
            if self.members[at] == value:
                return 1
        return 0
