"""Rows that would betray a wrong conversion: each split reached and tried from both sides, and extreme values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from features.errors import DomainError
from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.exported import Probes
from offline_training.conversion.lightgbm_trees import ZERO_THRESHOLD

MOST_SPLITS = 40_000
"""Splits that are probed; boosted ensembles seldom have more."""

_TINY = 5e-324
_HUGE = 1.7976931348623157e308
_EXTREMES = (
    math.nan,
    0.0,
    -0.0,
    *(
        sign * size
        for size in (_TINY, math.nextafter(ZERO_THRESHOLD, 0), ZERO_THRESHOLD, math.nextafter(ZERO_THRESHOLD, 1), 1e9)
        for sign in (1.0, -1.0)
    ),
    _HUGE,
    -_HUGE,
    math.inf,
    -math.inf,
)
_CATEGORY_EXTREMES = (math.nan, 0.0, -1.0, 2.0**31 - 1)


class _Path:
    """What a row must hold to reach a node: for each feature a range, or a choice among categories."""

    def __init__(self) -> None:
        self.low: dict[int, float] = {}
        self.high: dict[int, float] = {}
        self.among: dict[int, frozenset[int]] = {}
        self.beyond: dict[int, frozenset[int]] = {}

    def taking(self, split: Split, *, left: bool) -> _Path:
        """The same path with one more decision."""
        longer = _Path()
        longer.low, longer.high = dict(self.low), dict(self.high)
        longer.among, longer.beyond = dict(self.among), dict(self.beyond)
        f = split.feature
        if split.members is not None:
            members = frozenset(split.members)
            if left:
                longer.among[f] = self.among.get(f, members) & members
            else:
                longer.beyond[f] = self.beyond.get(f, frozenset()) | members
        elif left:
            longer.high[f] = min(self.high.get(f, math.inf), split.threshold)
        else:
            longer.low[f] = max(self.low.get(f, -math.inf), split.threshold)
        return longer

    def bend(self, row: np.ndarray) -> np.ndarray:
        """A copy of a row that reaches the node, where any row without NaN can."""
        row = row.copy()
        for f in self.low.keys() | self.high.keys():
            high = self.high.get(f, math.inf)
            low = self.low.get(f, -math.inf)
            if high < math.inf:
                row[f] = high
            elif low > -math.inf:
                row[f] = math.nextafter(low, math.inf)
            elif math.isnan(row[f]):  # below a threshold of infinity, where every number goes
                row[f] = 0.0
        for f in self.among.keys() | self.beyond.keys():
            beyond = self.beyond.get(f, frozenset())
            choice = self.among.get(f, frozenset({max(beyond, default=0) + 1})) - beyond
            row[f] = min(choice, default=math.nan)
        return row


def tree_probes(ensemble: Ensemble, rows: np.ndarray) -> Probes:
    """All of them; DomainError where a category of the real rows is a fraction, which libraries truncate."""
    for feature in sorted(ensemble.categorical):
        column = rows[:, feature]
        known = column[~np.isnan(column)]
        if np.any(known != np.trunc(known)):
            raise DomainError(
                "model", f"reads input {feature} as a category, but it holds fractions", "make it a number, or whole"
            )
    return Probes(extreme_probes(ensemble, rows), split_probes(ensemble, rows))


def split_probes(ensemble: Ensemble, rows: np.ndarray) -> np.ndarray:
    """For each split, rows that reach it with its feature at, next above and next below the threshold, and NaN.

    ``rows`` are real rows, taken in turn as what is bent. Trees that share their splits (those of a forest's classes)
    are probed once; of more splits than `MOST_SPLITS`, as large forests have, every so many-th.
    """
    distinct = list({id(tree.splits): tree for tree in ensemble.trees}.values())
    stride = 1 + sum(len(tree.splits) for tree in distinct) // MOST_SPLITS
    probes: list[np.ndarray] = []
    for split, path in islice((found for tree in distinct for found in _paths(tree)), 0, None, stride):
        base = path.bend(rows[len(probes) % len(rows)])
        for value in _values_around(split):
            probe = base.copy()
            probe[split.feature] = value
            probes.append(probe)
    return np.array(probes, dtype=np.float64).reshape(len(probes), ensemble.n_features)


def extreme_probes(ensemble: Ensemble, rows: np.ndarray) -> np.ndarray:
    """Rows that are one extreme value throughout, and real rows with one feature at an extreme."""
    inputs = range(ensemble.n_features)
    probes = [np.array([_for_feature(ensemble, f, value) for f in inputs]) for value in _EXTREMES]
    for f in inputs:
        for value in _CATEGORY_EXTREMES if f in ensemble.categorical else _EXTREMES:
            probe = rows[len(probes) % len(rows)].copy()
            probe[f] = value
            probes.append(probe)
    return np.array(probes, dtype=np.float64)


def _paths(tree: Tree) -> Iterator[tuple[Split, _Path]]:
    """Each split of a tree with the path that leads to it."""
    open_nodes = [(0, _Path())] if tree.splits else []
    while open_nodes:
        node, path = open_nodes.pop()
        split = tree.splits[node]
        yield split, path
        for child, left in ((split.right, False), (split.left, True)):
            if child >= 0:
                open_nodes.append((child, path.taking(split, left=left)))


def _values_around(split: Split) -> tuple[float, ...]:
    if split.members is not None:
        low, high = min(split.members), max(split.members)
        return (float(low), float(high), high + 1.0, low - 1.0, -1.0, math.nan)
    above, below = math.nextafter(split.threshold, math.inf), math.nextafter(split.threshold, -math.inf)
    return (split.threshold, above, below, math.nan)


def _for_feature(ensemble: Ensemble, feature: int, value: float) -> float:
    """An extreme as this feature may hold it: fractions and what no int32 holds are no categories."""
    return math.nan if feature in ensemble.categorical and value not in {0.0, -1.0} else value
