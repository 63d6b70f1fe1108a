"""scikit-learn's isolation forest as it decides: rows in float32 against thresholds, depths of leaves in double.

Semantics: ``IsolationForest._compute_score_samples`` and ``_average_path_length`` (sklearn/ensemble/_iforest.py) of
scikit-learn 1.9.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.float_rows import at_most
from offline_training.conversion.node_tree import tree_of_nodes


def read_isolation_forest(forest: Any) -> Ensemble:
    """A fitted forest of trees on all features; its raw score is a mean depth, over what is below zero."""
    grown = [estimator.tree_ for estimator in forest.estimators_]
    like = len(grown) * average_path_length(forest.max_samples_)
    return Ensemble(int(forest.n_features_in_), tuple(_tree(one) for one in grown), 1, -like)


def average_path_length(n_rows: float) -> float:
    """Depth at which a search tree of so many rows ends on average, as scikit-learn has it."""
    return float(_average_path_lengths(np.array([n_rows], dtype=np.float64))[0])


def leaf_depths(tree: Any) -> np.ndarray:
    """Of each node, how deep a row that ends there counts: its splits, and those that its other rows would have had.

    Nodes on the way and at its end, one less, as scikit-learn adds them.
    """
    nodes: np.ndarray = tree.compute_node_depths()
    return np.asarray(nodes + _average_path_lengths(tree.n_node_samples) - 1.0)


def _average_path_lengths(n_rows: np.ndarray) -> np.ndarray:
    from sklearn.ensemble._iforest import _average_path_length

    return np.asarray(_average_path_length(n_rows), dtype=np.float64)


def _tree(tree: Any) -> Tree:
    nodes: np.ndarray = tree.__getstate__()["nodes"]
    features, thresholds = nodes["feature"].tolist(), nodes["threshold"].tolist()
    nan_lefts, covers = nodes["missing_go_to_left"].tolist(), nodes["weighted_n_node_samples"].tolist()
    depths = leaf_depths(tree).tolist()
    return tree_of_nodes(
        nodes["left_child"].tolist(),
        nodes["right_child"].tolist(),
        lambda i: Split(features[i], at_most(thresholds[i]), None, bool(nan_lefts[i]), 0, 0, covers[i]),
        lambda i: (depths[i], covers[i]),
    )
