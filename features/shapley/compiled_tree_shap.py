"""TreeSHAP whose walk is compiled."""

from __future__ import annotations

import numpy as np

from features.compiled.tree_shap import TreeWalker
from features.shapley.tree_shap import TreeShap
from features.shapley.tree_tables import Doubles, TreeTables


class CompiledTreeShap(TreeShap):
    """See `features.shapley.tree_shap.TreeShap`: the same values but for the last bits, many times as fast."""

    def __init__(self, tables: TreeTables, n_features: int, n_outputs: int) -> None:
        super().__init__(tables, n_features, n_outputs)
        self._walker = TreeWalker(tables, self._paths, self._points, self._weights, n_features)

    def contributions(self, row: Doubles, output: int) -> Doubles:
        """See `TreeShap.contributions`."""
        found = np.zeros(self._n_features)
        self._walker.add_contributions(np.ascontiguousarray(row), output, found)
        return found
