"""Rows with every trouble that inputs have, with labels of each task; and small parameters for each learner."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from features.head import UNSUPERVISED, Task
from offline_training.learners import (
    LEARNERS,
    Learned,
    Params,
    Sample,
    forest_learner,
    isolation_forest_learner,
    kmeans_learner,
    lightgbm_learner,
    linear_learner,
    mlp_learner,
    xgboost_learner,
)
from offline_training.learners.deep.params import OF_IMAGES, OF_NETWORKS
from offline_training.learners.params import Accepted, Choice, Either, Flag, Number, Text, Whole

N_CLASSES: Final[dict[Task, int]] = {"binary": 2, "multiclass": 3, "regression": 0, "clustering": 0, "anomaly": 0}
SMALL: Final[dict[str, Params]] = {
    "lightgbm": {"num_iterations": 12, "num_leaves": 8},
    "xgboost": {"n_estimators": 12, "max_depth": 4},
    "random_forest": {"n_estimators": 9, "max_depth": 6},
    "extra_trees": {"n_estimators": 9, "max_depth": 6},
    "kmeans": {"n_clusters": 4},
    "isolation_forest": {"n_estimators": 9},
    "mlp": {"epochs": 4, "hidden_layers": 2, "hidden_units": 7, "learning_rate": 0.01},
    "deep_mlp": {"epochs": 4, "hidden_layers": 2, "hidden_units": 7, "learning_rate": 0.01},
    "cnn": {"epochs": 6, "image_shape": "2x3x1", "blocks": 1, "filters": 8, "hidden_units": 9, "learning_rate": 0.03},
}
ACCEPTED: Final[dict[str, Accepted]] = {
    "lightgbm": lightgbm_learner.ACCEPTED,
    "xgboost": xgboost_learner.ACCEPTED,
    "random_forest": forest_learner.ACCEPTED,
    "extra_trees": forest_learner.ACCEPTED,
    "logistic_regression": linear_learner.OF_LOGISTIC,
    "ridge": linear_learner.OF_RIDGE,
    "mlp": mlp_learner.ACCEPTED,
    "kmeans": kmeans_learner.ACCEPTED,
    "isolation_forest": isolation_forest_learner.ACCEPTED,
    "deep_mlp": OF_NETWORKS,
    "cnn": OF_IMAGES,
}
PAIRS: Final[list[tuple[str, Task]]] = [(name, task) for name in LEARNERS for task in sorted(LEARNERS[name].tasks)]
LABELLED: Final = [(name, task) for name, task in PAIRS if task not in UNSUPERVISED]
TREES: Final = ("lightgbm", "xgboost", "random_forest", "extra_trees")
EXPLAINED: Final = [(name, task) for name, task in PAIRS if name in {*TREES, "logistic_regression", "ridge"}]
"""Those of which exact contributions are known."""
EXACT: Final = (*TREES, "kmeans", "isolation_forest")
"""Those whose ONNX model gives the library's bits."""


def task_rows(n: int = 1_500, seed: int = 0) -> tuple[np.ndarray, dict[Task, np.ndarray]]:
    """Six inputs: normal, with NaN, epoch seconds, ids near 1e8, mostly zero, and constant; labels by task."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 6))
    rows[:, 1] = np.where(rng.random(n) < 0.3, np.nan, rows[:, 1] * 50)
    rows[:, 2] = 1.7e9 + rng.integers(0, 4_000, n)
    rows[:, 3] = 1e8 + rng.integers(0, 1_000, n)
    rows[:, 4] = np.where(rng.random(n) < 0.5, 0.0, rows[:, 4])
    rows[:, 5] = 3.0
    signal = rows[:, 0] + np.nan_to_num(rows[:, 1]) / 40 + rows[:, 4] + (rows[:, 2] - 1.7e9) / 2e3
    noisy = signal + rng.normal(size=n) / 2
    return rows, {
        "binary": (noisy > 1).astype(np.float64),
        "multiclass": np.digitize(noisy, [0.0, 2.0]).astype(np.float64),
        "regression": 1_000.0 + 40.0 * noisy,
        **dict.fromkeys(UNSUPERVISED, np.full(n, np.nan)),
    }


def rows_of(name: str, n: int = 1_500, seed: int = 0) -> tuple[np.ndarray, dict[Task, np.ndarray]]:
    """`task_rows` as a learner may have them: pixels of pictures are of one size."""
    rows, labels = task_rows(n, seed)
    return ((rows - _MIDDLES) / _SPREADS if name == "cnn" else rows), labels


_MIDDLES: Final = np.array([0.0, 0.0, 1.7e9, 1e8, 0.0, 3.0])
_SPREADS: Final = np.array([1.0, 50.0, 2e3, 1e3, 1.0, 1.0])


def learned(name: str, task: Task, **options: Any) -> Learned:
    """A small model of a learner on its rows."""
    rows, labels = rows_of(name)
    told: dict[str, Any] = {"params": SMALL.get(name, {}), "seed": 3, **options}
    return LEARNERS[name].fit(Sample(rows, labels[task], task, N_CLASSES[task]), **told)


def edges(kind: Whole | Number | Choice | Flag | Text | Either) -> list[bool | int | float | str]:
    """Values of a kind at its bounds, and a little inside those that are open; of no bound, a large one."""
    match kind:
        case Whole(least, most):
            return [least, min(int(min(most, 10_000)), 64)]
        case Number(least, most, least_open, most_open):
            low = least + 0.1 if least_open else least
            return [low, 1e6 if most == np.inf else most - 0.1 if most_open else most]
        case Choice(words):
            return list(words)
        case Flag():
            return [False, True]
        case Either(kinds):
            return [value for each in kinds for value in edges(each)]
    return []
