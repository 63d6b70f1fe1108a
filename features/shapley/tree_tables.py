"""An ensemble of trees as flat arrays, with the covers that TreeSHAP weighs branches by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]


class TreeTables(NamedTuple):
    """A raw score is the sum of the leaves that a row comes to, of the trees of an output.

    One entry a tree: ``roots``, ``outputs``. One a split: ``features`` to ``covers``, and the span of its members in
    ``member_bounds``, which has one entry more. A row goes left where its feature is at most the threshold; at a split
    with members, where it is one of them; and where it is NaN, as ``nan_lefts`` says. A child or root below zero is
    the leaf ``~child``, else a split that stands after its parent. A cover is how many training rows passed.
    """

    roots: Integers
    outputs: Integers
    features: Integers
    thresholds: Doubles
    nan_lefts: npt.NDArray[np.bool_]
    lefts: Integers
    rights: Integers
    covers: Doubles
    member_bounds: Integers
    members: Doubles
    leaf_values: Doubles
    leaf_covers: Doubles


_TYPES: dict[str, type[np.generic]] = {
    "thresholds": np.float64,
    "nan_lefts": np.bool_,
    "covers": np.float64,
    "members": np.float64,
    "leaf_values": np.float64,
    "leaf_covers": np.float64,
}


def tree_tables(n_features: int, n_outputs: int, **columns: Any) -> TreeTables:
    """Tables that compiled code may walk without looking.

    Parameters
    ----------
    n_features, n_outputs
        Of the model.
    **columns
        What `TreeTables` names, as sequences.

    Returns
    -------
    TreeTables
        Checked: every tree is one, and every number points to something.

    Raises
    ------
    ValueError
        Something is missing, of the wrong length or out of range.

    """
    if set(columns) != set(TreeTables._fields):
        raise ValueError(f"the columns are {sorted(columns)}, not {sorted(TreeTables._fields)}")
    tables = TreeTables(
        **{name: np.ascontiguousarray(column, _TYPES.get(name, np.int32)) for name, column in columns.items()}
    )
    _require_lengths(tables)
    _require_ranges(tables, n_features, n_outputs)
    _require_trees(tables)
    return tables


def _require_lengths(tables: TreeTables) -> None:
    n_trees, n_splits, n_leaves = len(tables.roots), len(tables.features), len(tables.leaf_values)
    lengths = {"outputs": n_trees, "member_bounds": n_splits + 1, "leaf_covers": n_leaves}
    lengths |= dict.fromkeys(("thresholds", "nan_lefts", "lefts", "rights", "covers"), n_splits)
    for name, column in tables._asdict().items():
        if column.ndim != 1 or len(column) != lengths.get(name, len(column)):
            raise ValueError(f"{name} has the shape {column.shape}, not {(lengths.get(name, len(column)),)}")


def _require_ranges(tables: TreeTables, n_features: int, n_outputs: int) -> None:
    bounds = tables.member_bounds
    for name, fine in {
        "features": _within(tables.features, 0, n_features),
        "outputs": _within(tables.outputs, 0, n_outputs),
        "member_bounds": bounds[0] == 0 and bounds[-1] == len(tables.members) and bool(np.all(np.diff(bounds) >= 0)),
        "thresholds": not np.isnan(tables.thresholds).any(),
        "leaf_values": bool(np.isfinite(tables.leaf_values).all()),
        "covers": _are_covers(tables.covers),
        "leaf_covers": _are_covers(tables.leaf_covers),
    }.items():
        if not fine:
            raise ValueError(f"{name} hold what is out of range")


def _within(column: Integers, low: int, high: int) -> bool:
    return bool(np.all((column >= low) & (column < high)))


def _are_covers(column: Doubles) -> bool:
    return bool(np.all((column >= 0) & np.isfinite(column)))


def _require_trees(tables: TreeTables) -> None:
    """Each split and leaf is led to once, and a split only by one before it, so that no walk goes in circles."""
    n_splits, n_leaves = len(tables.features), len(tables.leaf_values)
    led_to = np.concatenate([tables.roots, tables.lefts, tables.rights])
    if not np.array_equal(np.sort(led_to), np.arange(-n_leaves, n_splits)):
        raise ValueError("some split or leaf is led to twice, or never")
    before = np.arange(n_splits)
    for children in (tables.lefts, tables.rights):
        if np.any((children >= 0) & (children <= before)):
            raise ValueError("a split stands before its parent")
