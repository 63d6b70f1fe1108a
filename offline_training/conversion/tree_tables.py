"""An ensemble as the tables of a bundle's ``explain.npz``: the trees with the covers that ONNX has no place for."""

from __future__ import annotations

from itertools import accumulate

from features.shapley import TreeTables
from features.shapley.tree_tables import tree_tables
from offline_training.conversion.ensemble import Ensemble


def tables_of(ensemble: Ensemble) -> TreeTables:
    """What TreeSHAP walks."""
    roots: list[int] = []
    lefts: list[int] = []
    rights: list[int] = []
    n_splits = n_leaves = 0

    def of_all(child: int) -> int:
        """A child's number among all trees' splits, or leaves."""
        return child + n_splits if child >= 0 else child - n_leaves

    for tree in ensemble.trees:
        roots.append(of_all(0 if tree.splits else ~0))
        lefts += [of_all(split.left) for split in tree.splits]
        rights += [of_all(split.right) for split in tree.splits]
        n_splits, n_leaves = n_splits + len(tree.splits), n_leaves + len(tree.leaf_values)
    splits = [split for tree in ensemble.trees for split in tree.splits]
    members = [split.members or () for split in splits]
    return tree_tables(
        ensemble.n_features,
        ensemble.n_outputs,
        roots=roots,
        outputs=[tree.output for tree in ensemble.trees],
        features=[split.feature for split in splits],
        thresholds=[split.threshold for split in splits],
        nan_lefts=[split.nan_goes_left for split in splits],
        lefts=lefts,
        rights=rights,
        covers=[split.cover for split in splits],
        member_bounds=list(accumulate((len(some) for some in members), initial=0)),
        members=[member for some in members for member in some],
        leaf_values=[value / ensemble.divisor for tree in ensemble.trees for value in tree.leaf_values],
        leaf_covers=[cover for tree in ensemble.trees for cover in tree.leaf_covers],
    )
