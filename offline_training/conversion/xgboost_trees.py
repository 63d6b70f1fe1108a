"""XGBoost's trees as they decide, and leaves on a grid on which the sums that it makes in float32 are exact.

Read from ``Booster.save_raw("json")``, which XGBoost itself loads back without loss. Semantics: ``GetNextNode`` and
``PredValueByOneTree`` (src/predictor) of XGBoost 3.2: rows in float32, left where ``x < threshold``, float32 leaves
added in order to the intercept.

Sums in float32 depend on their order, and neither TreeSHAP nor a double ONNX model could be held to them bit for bit.
Where every leaf is a multiple of one power of two and no sum needs more than float32's 24 bits, nothing is ever
rounded: then XGBoost's sums, ONNX Runtime's, and those of any order are the same number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.errors import DomainError
from offline_training.conversion.ensemble import Ensemble, Split, Tree
from offline_training.conversion.float_rows import below
from offline_training.conversion.node_tree import tree_of_nodes

_BITS: Final = 23
"""One less than float32 has, so that the rounding of the leaves themselves does not carry a sum over the edge."""


def on_grid(model: bytes, intercepts: Sequence[float]) -> bytes:
    """The model with its leaves moved to the nearest multiple of a power of two, as small a one as its sums allow.

    ``intercepts``, one an output, are what it was fitted upon (``base_margin``); the leaves of the first tree of each
    output take them in, so that the model needs none.
    """
    content = json.loads(model)
    booster = content["learner"]["gradient_booster"]["model"]
    trees, outputs = booster["trees"], booster["tree_info"]
    leaves = [np.array(tree["split_conditions"])[_leaves(tree)] for tree in trees]
    for output, intercept in enumerate(intercepts):
        leaves[outputs.index(output)] += intercept
    most = [0.0] * len(intercepts)
    for values, output in zip(leaves, outputs, strict=True):
        most[output] += float(np.abs(values).max(initial=0.0))
    grid = 2.0 ** (math.ceil(math.log2(max(*most, 1e-30))) - _BITS)
    for tree, values in zip(trees, leaves, strict=True):
        moved = (np.rint(values / grid) * grid + 0.0).astype(np.float32)
        for node, value in zip(np.flatnonzero(_leaves(tree)).tolist(), moved, strict=True):
            tree["split_conditions"][node] = float(str(value))  # as few digits as float32 needs
    return json.dumps(content).encode()


def read_xgboost(model: bytes) -> Ensemble:
    """Parse ``save_raw("json")``; DomainError for a kind of model that is not proven bit-exact."""
    learner = json.loads(model)["learner"]
    _require_plain(learner)
    booster, shape = learner["gradient_booster"]["model"], learner["learner_model_param"]
    trees = tuple(_tree(tree, output) for tree, output in zip(booster["trees"], booster["tree_info"], strict=True))
    return Ensemble(int(shape["num_feature"]), trees, max(1, int(shape["num_class"])))


def _require_plain(learner: Mapping[str, Any]) -> None:
    if learner["gradient_booster"]["name"] != "gbtree":
        raise _refusal("is no plain sum of trees (booster)", "use booster=gbtree")
    name = learner["objective"]["name"]
    intercept = {"binary:logistic": 0.5, "multi:softprob": 0.0, "reg:squarederror": 0.0}.get(name)
    if intercept is None:
        raise _refusal(f"has the objective {name!r}", "use binary:logistic, multi:softprob or reg:squarederror")
    found = json.loads(learner["learner_model_param"]["base_score"])
    if set(found if isinstance(found, list) else [found]) != {intercept}:
        raise _refusal(f"has an intercept of its own ({found})", f"fit it with base_score={intercept}")
    trees = learner["gradient_booster"]["model"]["trees"]
    if not trees:
        raise _refusal("has no trees", "train it for at least one round")
    if any(any(tree["split_type"]) for tree in trees):
        raise _refusal("splits on categories", "give it numbers")
    if any(tree["tree_param"]["size_leaf_vector"] not in {"0", "1"} for tree in trees):
        raise _refusal("has leaves of several values (multi_strategy)", "use one_output_per_tree")


def _tree(tree: Mapping[str, Any], output: int) -> Tree:
    features, thresholds = tree["split_indices"], tree["split_conditions"]
    nan_lefts, covers = tree["default_left"], tree["sum_hessian"]
    return tree_of_nodes(
        tree["left_children"],
        tree["right_children"],
        lambda i: Split(features[i], below(thresholds[i]), None, bool(nan_lefts[i]), 0, 0, covers[i]),
        lambda i: (float(np.float32(thresholds[i])), covers[i]),
        output,
    )


def _leaves(tree: Mapping[str, Any]) -> np.ndarray:
    return np.array(tree["left_children"]) < 0


def _refusal(problem: str, remedy: str) -> DomainError:
    return DomainError("XGBoost model", problem, remedy)
