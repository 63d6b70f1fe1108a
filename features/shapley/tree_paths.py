"""All ways from the roots of an ensemble to its leaves, laid out for one pass down and one pass up."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.shapley.tree_tables import Doubles, Integers, TreeTables

NONE = -1


class TreePaths(NamedTuple):
    """Nodes, tree by tree, each after its parent; a node is a split or a leaf together with the edge that leads to it.

    One entry a node:

    ``parents``, ``splits``, ``values``
        The node above; the split that it is, or none; the leaf's value, or 0.0. None of it is -1.
    ``features``, ``lefts``
        What the edge asks: which feature, and whether it is the way left.
    ``shares``
        The product of the shares of the cover that go this way, over all edges of this feature down to here.
    ``earlier``
        The node above whose edge is the last to ask the same feature, or none.
    ``depths``
        Edges from the root.

    ``starts`` has one entry a tree, and the number of nodes. ``bases`` has one an output: the raw score of no feature
    known. ``most_asked`` is the greatest number of different features on one path.
    """

    parents: Integers
    splits: Integers
    values: Doubles
    features: Integers
    lefts: npt.NDArray[np.bool_]
    shares: Doubles
    earlier: Integers
    depths: Integers
    starts: Integers
    bases: Doubles
    most_asked: int


class _Edge(NamedTuple):
    """A way to a split or leaf; ``asked`` gives, of each feature asked above, the last node that was led to by it."""

    child: int
    parent: int = NONE
    feature: int = NONE
    left: bool = False
    share: float = 1.0
    asked: Mapping[int, int] = MappingProxyType({})


class _Nodes:
    """The columns of `TreePaths` while they grow."""

    def __init__(self, tables: TreeTables) -> None:
        self._children = list(zip(tables.lefts.tolist(), tables.rights.tolist(), strict=True))
        self._asks = tables.features.tolist()
        self._covers, self._leaf_covers = tables.covers.tolist(), tables.leaf_covers.tolist()
        self._leaf_values = tables.leaf_values.tolist()
        self.parents: list[int] = []
        self.splits: list[int] = []
        self.values: list[float] = []
        self.features: list[int] = []
        self.lefts: list[bool] = []
        self.shares: list[float] = []
        self.earlier: list[int] = []
        self.depths: list[int] = []
        self.weights: list[float] = []
        self.most_asked = 1

    def add_tree(self, root: int) -> None:
        """Lay out one tree, its left before its right."""
        open_edges = [_Edge(root)]
        while open_edges:
            edge = open_edges.pop()
            node = self._add(edge)
            if edge.child >= 0:
                open_edges += self._below(edge, node)

    def _add(self, edge: _Edge) -> int:
        node, parent, share = len(self.parents), edge.parent, edge.share
        before = edge.asked.get(edge.feature, NONE)
        self.parents.append(parent)
        self.splits.append(max(edge.child, NONE))
        self.values.append(0.0 if edge.child >= 0 else self._leaf_values[~edge.child])
        self.features.append(edge.feature)
        self.lefts.append(edge.left)
        self.shares.append(share if before == NONE else share * self.shares[before])
        self.earlier.append(before)
        self.depths.append(0 if parent == NONE else self.depths[parent] + 1)
        self.weights.append(share if parent == NONE else share * self.weights[parent])
        return node

    def _below(self, edge: _Edge, node: int) -> tuple[_Edge, _Edge]:
        """The ways on from a split, the left one last."""
        asked = edge.asked if edge.feature == NONE else {**edge.asked, edge.feature: node}
        left, right = self._children[edge.child]
        asks, left_cover, right_cover = self._asks[edge.child], self._cover(left), self._cover(right)
        self.most_asked = max(self.most_asked, len(asked) + (asks not in asked))
        # Where no training row came by, neither way is the likelier.
        left_share = left_cover / (left_cover + right_cover) if left_cover + right_cover else 0.5
        return (
            _Edge(right, node, asks, left=False, share=1.0 - left_share, asked=asked),
            _Edge(left, node, asks, left=True, share=left_share, asked=asked),
        )

    def _cover(self, child: int) -> float:
        return float(self._leaf_covers[~child] if child < 0 else self._covers[child])


def tree_paths(tables: TreeTables, n_outputs: int) -> TreePaths:
    """Lay out the paths of an ensemble.

    Parameters
    ----------
    tables
        The ensemble.
    n_outputs
        Of the model.

    Returns
    -------
    TreePaths
        As both implementations of TreeSHAP walk them.

    """
    nodes = _Nodes(tables)
    starts = [0]
    for root in tables.roots.tolist():
        nodes.add_tree(root)
        starts.append(len(nodes.parents))
    expected = [value * weight for value, weight in zip(nodes.values, nodes.weights, strict=True)]
    bases = [0.0] * n_outputs
    for output, begin, end in zip(tables.outputs.tolist(), starts, starts[1:], strict=False):
        bases[output] += fsum(expected[begin:end])
    return TreePaths(
        parents=np.array(nodes.parents, np.int32),
        splits=np.array(nodes.splits, np.int32),
        values=np.array(nodes.values, np.float64),
        features=np.array(nodes.features, np.int32),
        lefts=np.array(nodes.lefts, np.bool_),
        shares=np.array(nodes.shares, np.float64),
        earlier=np.array(nodes.earlier, np.int32),
        depths=np.array(nodes.depths, np.int32),
        starts=np.array(starts, np.int32),
        bases=np.array(bases, np.float64),
        most_asked=nodes.most_asked,
    )
