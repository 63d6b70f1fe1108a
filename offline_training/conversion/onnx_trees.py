"""An ensemble as one ONNX node: ``ai.onnx.ml`` opset 5 ``TreeEnsemble`` with splits and weights in double.

onnxmltools casts thresholds to float32, which is wrong on values at or next to a threshold; this is bit-exact
(`offline_training.proof` holds it to that).
"""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from features.bundle import MODEL_INPUT, MODEL_OUTPUT
from offline_training.conversion.constants import constant
from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.model_bytes import model_bytes

_BRANCH_LEQ = 0
_BRANCH_MEMBER = 6
_SUM = 1


class _Layout:
    """The operator's flat arrays while trees are laid out one after another."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.features: list[int] = []
        self.splits: list[float] = []
        self.modes: list[int] = []
        self.nan_tracks_true: list[int] = []
        self.true_ids: list[int] = []
        self.true_leafs: list[int] = []
        self.false_ids: list[int] = []
        self.false_leafs: list[int] = []
        self.members: list[float] = []
        self.weights: list[float] = []
        self.targets: list[int] = []

    def add(self, tree: Tree) -> None:
        node0, leaf0 = len(self.features), len(self.weights)
        self.roots.append(node0)
        self.weights += tree.leaf_values
        self.targets += [tree.output] * len(tree.leaf_values)
        for split in tree.splits or (_leaf_alone(),):
            self._add_split(split, node0, leaf0)

    def _add_split(self, split: Split, node0: int, leaf0: int) -> None:
        self.features.append(split.feature)
        self.splits.append(split.threshold)
        self.modes.append(_BRANCH_LEQ if split.members is None else _BRANCH_MEMBER)
        self.nan_tracks_true.append(int(split.nan_goes_left))
        if split.members is not None:
            self.members += [*map(float, split.members), np.nan]
        for child, ids, leafs in (
            (split.left, self.true_ids, self.true_leafs),
            (split.right, self.false_ids, self.false_leafs),
        ):
            ids.append(leaf0 + ~child if child < 0 else node0 + child)
            leafs.append(int(child < 0))


def to_onnx(ensemble: Ensemble) -> bytes:
    """Serialised model: raw scores ``[n, outputs]`` of double rows ``[n, k]``; equal ensembles give equal bytes."""
    layout = _Layout()
    for tree in ensemble.trees:
        layout.add(tree)
    members = {"membership_values": constant("members", layout.members)} if layout.members else {}
    averages = ensemble.divisor != 1
    sums = "sums" if averages else MODEL_OUTPUT
    trees = helper.make_node(
        "TreeEnsemble",
        [MODEL_INPUT],
        [sums],
        domain="ai.onnx.ml",
        n_targets=ensemble.n_outputs,
        aggregate_function=_SUM,
        tree_roots=layout.roots,
        nodes_featureids=layout.features,
        nodes_splits=constant("splits", layout.splits),
        nodes_modes=numpy_helper.from_array(np.array(layout.modes, dtype=np.uint8), "modes"),
        nodes_missing_value_tracks_true=layout.nan_tracks_true,
        nodes_truenodeids=layout.true_ids,
        nodes_trueleafs=layout.true_leafs,
        nodes_falsenodeids=layout.false_ids,
        nodes_falseleafs=layout.false_leafs,
        leaf_targetids=layout.targets,
        leaf_weights=constant("weights", layout.weights),
        **members,
    )
    nodes, constants = [trees], []
    if averages:
        nodes.append(helper.make_node("Div", [sums, "divisor"], [MODEL_OUTPUT]))
        constants.append(constant("divisor", [float(ensemble.divisor)]))
    return model_bytes("trees", nodes, constants, n_features=ensemble.n_features, n_outputs=ensemble.n_outputs)


def _leaf_alone() -> Split:
    """How the operator spells a tree that is one leaf: both branches lead to it."""
    return Split(0, 0.0, None, True, ~0, ~0, 0)
