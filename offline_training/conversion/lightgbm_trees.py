"""LightGBM's trees as plain data, with every decision spelt out as LightGBM really takes it.

Read from the model text, which LightGBM itself loads back without loss (17 digits). What cannot be carried over bit
for bit is refused. Semantics: ``Tree::NumericalDecision``, ``Tree::CategoricalDecision`` (include/LightGBM/tree.h) and
``RowPairFunctionFromDenseMatric`` (src/c_api.cpp) of LightGBM 4.7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from features.errors import DomainError
from offline_training.conversion.ensemble import Ensemble, Split, Tree

ZERO_THRESHOLD = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold: smaller magnitudes in a dense row are read as 0.0."""

_CATEGORICAL = 1
_DEFAULT_LEFT = 2
_MISSING_TYPES = ("none", "zero", "nan")


def read_trees(model_text: str) -> Ensemble:
    """Parse ``Booster.model_to_string()``; DomainError for a kind of model that is not proven bit-exact."""
    header_text, *blocks = model_text.split("\nTree=")
    header = _fields(header_text)
    _require_plain(header, model_text)
    n_outputs = int(header["num_class"])
    trees = tuple(
        _tree(_fields("number=" + block.split("\n\n")[0]))._replace(output=i % n_outputs)
        for i, block in enumerate(blocks)
    )
    if not trees:
        raise _refusal("has no trees", "train it for at least one round")
    return Ensemble(int(header["max_feature_idx"]) + 1, trees, n_outputs)


def _fields(text: str) -> dict[str, str]:
    """``key=value`` lines; a bare word is a key without value."""
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {key: value for key, _, value in pairs}


def _require_plain(header: Mapping[str, str], model_text: str) -> None:
    if "average_output" in header:
        raise _refusal("averages its trees (boosting=rf)", "use boosting=gbdt")
    n_classes = header["num_class"]
    known = ("binary sigmoid:1", "regression") if n_classes == "1" else (f"multiclass num_class:{n_classes}",)
    if header.get("objective") not in known or header["num_tree_per_iteration"] != n_classes:
        raise _refusal(f"has the objective {header.get('objective')!r}", f"train with {' or '.join(known)}")
    if "\n[zero_as_missing: 1]" in model_text:
        raise _refusal("takes zeros for missing (zero_as_missing)", "remove that parameter")


def _tree(fields: Mapping[str, str]) -> Tree:
    if fields.get("is_linear", "0") != "0":
        raise _refusal("has linear models in its leaves (linear_tree)", "remove that parameter")
    leaf_values = tuple(float(word) for word in fields["leaf_value"].split())
    if int(fields["num_leaves"]) == 1:
        return Tree((), leaf_values, (float(fields.get("leaf_count", "0") or 0),))
    columns = {name: fields[name].split() for name in _SPLIT_COLUMNS}
    categories = _category_sets(fields)
    splits = tuple(
        _split(dict(zip(_SPLIT_COLUMNS, words, strict=True)), categories)
        for words in zip(*columns.values(), strict=True)
    )
    return Tree(splits, leaf_values, tuple(float(word) for word in fields["leaf_count"].split()))


_SPLIT_COLUMNS = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "internal_count")


def _split(words: Mapping[str, str], categories: Sequence[tuple[int, ...]]) -> Split:
    decision = int(words["decision_type"])
    threshold = float(words["threshold"])
    feature, left, right = int(words["split_feature"]), int(words["left_child"]), int(words["right_child"])
    cover = float(words["internal_count"])
    if decision & _CATEGORICAL:
        return Split(feature, 0.0, categories[int(threshold)], False, left, right, cover)
    missing = _MISSING_TYPES[decision >> 2 & 3]
    if missing == "zero":
        raise _refusal("takes zeros for missing (zero_as_missing)", "remove that parameter")
    # With missing type none, NaN is turned into 0.0 and compared.
    nan_goes_left = bool(decision & _DEFAULT_LEFT) if missing == "nan" else threshold >= 0.0
    return Split(feature, effective_threshold(threshold), None, nan_goes_left, left, right, cover)


def effective_threshold(threshold: float) -> float:
    """Threshold that decides on the value itself as LightGBM does once it has read tiny values as 0.0."""
    if abs(threshold) > ZERO_THRESHOLD:
        return threshold
    return ZERO_THRESHOLD if threshold >= 0.0 else math.nextafter(-ZERO_THRESHOLD, -math.inf)


def _category_sets(fields: Mapping[str, str]) -> list[tuple[int, ...]]:
    """Members of each categorical split, unpacked from 32-bit words."""
    if fields.get("num_cat", "0") == "0":
        return []
    bounds = [int(word) for word in fields["cat_boundaries"].split()]
    words = [int(word) for word in fields["cat_threshold"].split()]
    return [
        tuple(32 * i + bit for i, word in enumerate(words[low:high]) for bit in range(32) if word >> bit & 1)
        for low, high in pairwise(bounds)
    ]


def _refusal(problem: str, remedy: str) -> DomainError:
    return DomainError("LightGBM model", problem, remedy)
