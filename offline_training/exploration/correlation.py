"""Rank correlations of columns that have nulls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def rank_correlations(rows: Doubles) -> Doubles:
    """``[k, k]``: of each pair, over the rows where both are known; nought where one does not vary."""
    ranks = np.asarray(rankdata(rows, axis=0, nan_policy="omit"))
    known = ~np.isnan(ranks)
    mask = known.astype(np.float64)
    means = np.where(known, ranks, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    ranks = np.where(known, ranks - means, 0.0)
    n = np.maximum(mask.T @ mask, 1.0)
    sums = ranks.T @ mask
    squares = (ranks**2).T @ mask
    products = ranks.T @ ranks - sums * sums.T / n
    spread = squares - sums**2 / n
    scale = np.sqrt(np.maximum(spread * spread.T, 0.0))
    found = np.divide(products, scale, out=np.zeros_like(products), where=scale > 1e-9)
    return np.asarray(np.clip(found, -1.0, 1.0))


def alike_together(correlations: Doubles) -> Codes:
    """An order of the columns in which those that go together stand together."""
    if len(correlations) < 3:
        return np.arange(len(correlations))
    distance = 1.0 - np.abs(correlations)
    distance = (distance + distance.T) / 2.0
    np.fill_diagonal(distance, 0.0)
    return np.asarray(leaves_list(linkage(squareform(np.maximum(distance, 0.0), checks=False), "average")), np.intp)


def close_pairs(correlations: Doubles, least: float) -> list[tuple[int, int, float]]:
    """Pairs of columns from a correlation on, the closest first."""
    first, second = np.triu_indices(len(correlations), 1)
    values = correlations[first, second]
    order = np.argsort(-np.abs(values), kind="stable")
    return [(int(first[i]), int(second[i]), float(values[i])) for i in order if abs(values[i]) >= least]
