from features.shapley.tree_paths import TreePaths
from features.shapley.tree_tables import Doubles, TreeTables

class TreeWalker:
    def __init__(
        self, tables: TreeTables, paths: TreePaths, points: Doubles, weights: Doubles, n_features: int
    ) -> None: ...
    def add_contributions(self, row: Doubles, output: int, into: Doubles) -> None: ...
