"""scikit-learn's isolation forest: what few splits at random set apart from all else is an anomaly."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sklearn.ensemble import IsolationForest

from features.head import Task
from offline_training.conversion.ensemble import Ensemble
from offline_training.conversion.float_rows import within_float32
from offline_training.conversion.isolation_trees import average_path_length, leaf_depths, read_isolation_forest
from offline_training.learners.learned_trees import LearnedTrees
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import Accepted, Choice, Either, Flag, Whole, require_accepted, shares

_DEFAULTS: Params = {"n_estimators": 100, "max_samples": 256}
ACCEPTED: Final[Accepted] = {
    "n_estimators": Whole(1),
    "max_samples": Either((Whole(2), Choice(("auto",)))),
    "bootstrap": Flag(),
}
"""A tree of one row has no depth."""


class Isolation:
    """An isolation forest. Its score is Liu's, between 0 and 1; a forest knows nothing of contamination."""

    name: Final = "isolation_forest"
    library: Final = "scikit-learn"
    tasks: Final[frozenset[Task]] = frozenset({"anomaly"})

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not taken."""
        require_accepted(self.name, params, ACCEPTED)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - it has one task
        """How many trees, and of how many rows each."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 50, 300, step=50),
            "max_samples": trial.suggest_int("max_samples", 64, 1_024, log=True),
        }

    def fit(
        self,
        sample: Sample,
        params: Params,
        *,
        seed: int,
        validation: Validation | None = None,  # noqa: ARG002 - it is grown to its end
    ) -> LearnedTrees:
        """Exactly the trees asked for, on one thread, for its sums."""
        chosen = {**_DEFAULTS, **params}
        asked = _DEFAULTS["max_samples"] if chosen["max_samples"] == "auto" else chosen["max_samples"]
        told = chosen | {"max_samples": min(int(asked), len(sample.rows))}
        forest = IsolationForest(**told, random_state=seed, n_jobs=1)
        forest.fit(within_float32(sample.rows), sample_weight=sample.weights)
        ensemble = read_isolation_forest(forest)
        return LearnedTrees(
            learner=self.name,
            params=chosen,
            link="exp2",
            importance=shares(_splits_by_feature(ensemble)),
            ensemble=ensemble,
            predict=lambda some: _raw(forest, some),
        )


def _raw(forest: Any, rows: np.ndarray) -> np.ndarray:
    """Mean depth of the leaf over that of a row among its like, with a minus before it: two to that is the score.

    As ``IsolationForest._compute_score_samples`` of scikit-learn 1.9, which raises it itself, with numpy's power.
    """
    given = within_float32(rows).astype(np.float32)
    depths = np.zeros(len(rows))
    for grown in forest.estimators_:
        depths += leaf_depths(grown.tree_)[grown.tree_.apply(given)]
    like = len(forest.estimators_) * average_path_length(forest.max_samples_)
    return np.asarray(-(depths / like))[:, np.newaxis]


def _splits_by_feature(ensemble: Ensemble) -> np.ndarray:
    """How many rows the splits on each feature set apart."""
    splits = [split for tree in ensemble.trees for split in tree.splits]
    features = np.array([split.feature for split in splits], dtype=np.intp)
    return np.bincount(features, [split.cover for split in splits], minlength=ensemble.n_features)
