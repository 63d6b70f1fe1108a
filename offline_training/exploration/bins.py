"""Columns in bins of about as many rows each, null in a bin of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def edges_of(column: Doubles, n_bins: int) -> Doubles:
    """The inner edges; fewer where many rows have one value, none where all have."""
    known = column[~np.isnan(column)]
    if len(known) == 0:
        return np.empty(0)
    return np.unique(np.quantile(known, np.arange(1, n_bins) / n_bins))


def binned(column: Doubles, edges: Doubles) -> Codes:
    """The bin of each row: rising from 1, and 0 of null."""
    codes = np.searchsorted(edges, column, side="right") + 1
    return np.where(np.isnan(column), 0, codes).astype(np.intp)


def contingency(codes: Codes, groups: Codes) -> Doubles:
    """How many rows of each bin are of each group; without empty bins and groups."""
    counts = np.zeros((codes.max(initial=0) + 1, groups.max(initial=0) + 1))
    np.add.at(counts, (codes, groups), 1.0)
    counts = counts[counts.sum(axis=1) > 0]
    return np.asarray(counts[:, counts.sum(axis=0) > 0])
