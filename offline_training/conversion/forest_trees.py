"""scikit-learn's forests as they decide: rows in float32 against thresholds in double, leaves averaged in double.

Read from the fitted trees' own arrays. Semantics: ``Tree._apply_dense`` (sklearn/tree/_tree.pyx) and
``ForestClassifier.predict_proba``, ``ForestRegressor.predict`` (sklearn/ensemble/_forest.py) of scikit-learn 1.9.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.float_rows import at_most
from offline_training.conversion.node_tree import tree_of_nodes


def read_forest(forest: Any, columns: tuple[int, ...]) -> Ensemble:
    """A fitted forest; an output for each of these columns of its leaves (classes), or for column 0 of a regressor."""
    grown = [estimator.tree_ for estimator in forest.estimators_]
    trees = tuple(tree for one in grown for tree in _trees(one, columns))
    return Ensemble(int(forest.n_features_in_), trees, len(columns), len(grown))


def _trees(tree: Any, columns: tuple[int, ...]) -> list[Tree]:
    """A tree for each output, with the same splits."""
    nodes: np.ndarray = tree.__getstate__()["nodes"]
    lefts, rights = nodes["left_child"].tolist(), nodes["right_child"].tolist()
    features, thresholds = nodes["feature"].tolist(), nodes["threshold"].tolist()
    nan_lefts, covers = nodes["missing_go_to_left"].tolist(), nodes["weighted_n_node_samples"].tolist()
    values = tree.value[:, 0, :]
    of_nodes = tree_of_nodes(
        lefts,
        rights,
        lambda i: Split(features[i], at_most(thresholds[i]), None, bool(nan_lefts[i]), 0, 0, covers[i]),
        lambda i: (float(i), covers[i]),
    )
    leaves = [int(node) for node in of_nodes.leaf_values]
    return [
        of_nodes._replace(leaf_values=tuple(values[leaves, column].tolist()), output=output)
        for output, column in enumerate(columns)
    ]
