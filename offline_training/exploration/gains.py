"""A boosted ensemble that is fitted to look at the data, not to be served: what it makes of features, and of fewer."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import r2_score, roc_auc_score

from features.shapley import TreeTables
from features.shapley.compiled_tree_shap import CompiledTreeShap
from offline_training.exploration.target import Target
from offline_training.learners import LEARNERS, Learned, Sample

Doubles = npt.NDArray[np.float64]

_PARAMS = {"num_iterations": 100, "learning_rate": 0.08, "num_leaves": 15, "lambda_l2": 1.0}
_EXPLAINED_ROWS = 500


class Quick(NamedTuple):
    """The ensemble, and how many inputs it has."""

    learned: Learned
    n_features: int


def fit_quick(rows: Doubles, target: Target, seed: int) -> Quick:
    """LightGBM, with as many rows a leaf as the rows allow."""
    sample = Sample(rows, target.labels, target.task, target.n_classes)
    params = _PARAMS | {"min_data_in_leaf": max(5, len(rows) // 200)}
    return Quick(LEARNERS["lightgbm"].fit(sample, params, seed=seed), rows.shape[1])


def mean_contributions(quick: Quick, rows: Doubles) -> Doubles:
    """Mean size of each feature's exact Shapley value; of several outputs, their sum."""
    tables = quick.learned.export().explanation
    if not isinstance(tables, TreeTables):
        raise TypeError("a boosted ensemble has trees")
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _EXPLAINED_ROWS)).astype(int)]
    outputs = range(int(tables.outputs.max(initial=0)) + 1)
    explainer = CompiledTreeShap(tables, quick.n_features, len(outputs))
    sizes = [np.abs(explainer.contributions(row, output)) for output in outputs for row in some]
    return np.asarray(np.sum(sizes, axis=0) / len(some))


def score(quick: Quick, rows: Doubles, target: Target) -> float:
    """R² of a regression, else ROC AUC (of several classes, the mean over them); NaN where rows have one label."""
    if len(np.unique(target.labels)) < 2:
        return math.nan
    raw = quick.learned.raw(rows)
    if target.is_value:
        return float(r2_score(target.labels, raw[:, 0]))
    if raw.shape[1] == 1:
        return float(roc_auc_score(target.labels, raw[:, 0]))
    present = [number for number in range(raw.shape[1]) if 0 < (target.labels == number).sum() < len(raw)]
    return float(np.mean([roc_auc_score(target.labels == number, raw[:, number]) for number in present]))
