"""Small ensembles at random, and Shapley values by their definition: the oracle of TreeSHAP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import comb, isnan
from typing import Any

import numpy as np

from features.shapley.tree_tables import TreeTables, tree_tables

VALUES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""What rows and thresholds are drawn from, so that rows often lie at a threshold."""


def random_ensemble(rng: np.random.Generator, n_features: int, n_outputs: int = 1, n_trees: int = 3) -> TreeTables:
    """Trees with numbers and categories, either direction for NaN, features asked twice, and covers of zero."""
    columns: dict[str, list[Any]] = {name: [] for name in TreeTables._fields}
    columns["member_bounds"] = [0]
    for tree in range(n_trees):
        columns["outputs"].append(tree % n_outputs)
        columns["roots"].append(_grow(rng, columns, n_features, depth=int(rng.integers(0, 6))))
    return tree_tables(n_features, n_outputs, **columns)


def _grow(rng: np.random.Generator, columns: dict[str, list[Any]], n_features: int, depth: int) -> int:
    if depth == 0 or rng.random() < 0.1:
        columns["leaf_values"].append(float(rng.normal()))
        columns["leaf_covers"].append(float(rng.integers(0, 20)))
        return ~(len(columns["leaf_values"]) - 1)
    split = len(columns["features"])
    members = sorted(rng.choice(VALUES, size=2, replace=False).tolist()) if rng.random() < 0.3 else []
    columns["features"].append(int(rng.integers(n_features)))
    columns["thresholds"].append(float(rng.choice(VALUES)))
    columns["nan_lefts"].append(bool(rng.random() < 0.5))
    columns["covers"].append(float(rng.integers(0, 40)))
    columns["members"] += members
    columns["member_bounds"].append(len(columns["members"]))
    columns["lefts"].append(0)
    columns["rights"].append(0)
    columns["lefts"][split] = _grow(rng, columns, n_features, depth - 1)
    columns["rights"][split] = _grow(rng, columns, n_features, depth - 1)
    return split


def random_row(rng: np.random.Generator, n_features: int) -> np.ndarray:
    """A row of which some values are NaN."""
    return np.where(rng.random(n_features) < 0.2, np.nan, rng.choice(VALUES, size=n_features))


def expected(tables: TreeTables, row: np.ndarray, known: frozenset[int], output: int) -> float:
    """Raw score of an output where only some features are known."""
    roots = tables.roots[tables.outputs == output].tolist()
    return sum(_expected(tables, row, known, root) for root in roots)


def _expected(tables: TreeTables, row: np.ndarray, known: frozenset[int], child: int) -> float:
    if child < 0:
        return float(tables.leaf_values[~child])
    left, right = int(tables.lefts[child]), int(tables.rights[child])
    if int(tables.features[child]) in known:
        return _expected(tables, row, known, left if _goes_left(tables, row, child) else right)
    covers = [float(tables.leaf_covers[~one] if one < 0 else tables.covers[one]) for one in (left, right)]
    share = covers[0] / sum(covers) if sum(covers) else 0.5
    return share * _expected(tables, row, known, left) + (1 - share) * _expected(tables, row, known, right)


def _goes_left(tables: TreeTables, row: np.ndarray, split: int) -> bool:
    value = float(row[tables.features[split]])
    if isnan(value):
        return bool(tables.nan_lefts[split])
    members = tables.members[tables.member_bounds[split] : tables.member_bounds[split + 1]].tolist()
    return value in members if members else value <= tables.thresholds[split]


def shapley_values(tables: TreeTables, row: np.ndarray, output: int) -> list[float]:
    """The definition: what a feature adds to those known, averaged over all orders in which they become known."""
    n = len(row)
    return [
        sum(
            (expected(tables, row, known | {feature}, output) - expected(tables, row, known, output))
            / (n * comb(n - 1, len(known)))
            for known in _subsets([other for other in range(n) if other != feature])
        )
        for feature in range(n)
    ]


def _subsets(features: list[int]) -> Iterator[frozenset[int]]:
    for size in range(len(features) + 1):
        yield from map(frozenset, combinations(features, size))
