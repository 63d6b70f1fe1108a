"""scikit-learn's forests: trees grown each on a sample of its own, and averaged."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from features.errors import DomainError
from features.head import Task
from offline_training.conversion.float_rows import within_float32
from offline_training.conversion.forest_trees import read_forest
from offline_training.learners.learned_trees import LearnedTrees
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import (
    NOT_NEGATIVE,
    SHARE,
    Accepted,
    Choice,
    Either,
    Flag,
    Number,
    Whole,
    require_accepted,
    shares,
)

ACCEPTED: Final[Accepted] = {
    "bootstrap": Flag(),
    "ccp_alpha": NOT_NEGATIVE,
    "max_depth": Whole(1),
    "max_features": Either((Whole(1), SHARE, Choice(("sqrt", "log2")))),
    "max_leaf_nodes": Whole(2),
    "max_samples": Either((Whole(1), SHARE)),
    "min_impurity_decrease": NOT_NEGATIVE,
    "min_samples_leaf": Either((Whole(1), Number(0.0, 1.0, least_open=True, most_open=True))),
    "min_samples_split": Either((Whole(2), SHARE)),
    "n_estimators": Whole(1),
}
"""What ``params`` may set: all of it is proven to convert bit for bit."""

ForestName = Literal["random_forest", "extra_trees"]
_CLASSIFIERS: dict[ForestName, Any] = {"random_forest": RandomForestClassifier, "extra_trees": ExtraTreesClassifier}
_REGRESSORS: dict[ForestName, Any] = {"random_forest": RandomForestRegressor, "extra_trees": ExtraTreesRegressor}
_DEFAULTS: Params = {"n_estimators": 100, "min_samples_leaf": 10}
"""Leaves of one row, scikit-learn's default, make models as large as their training set."""


class Forest:
    """A random forest, or one of extremely randomised trees."""

    library: Final = "scikit-learn"
    tasks: Final[frozenset[Task]] = frozenset({"binary", "multiclass", "regression"})

    def __init__(self, name: ForestName) -> None:
        self._name = name

    @property
    def name(self) -> ForestName:
        """As ``model.yaml`` names it."""
        return self._name

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not scikit-learn's, or that the engine sets itself."""
        require_accepted(self.name, params, ACCEPTED)
        if "max_samples" in params and not params.get("bootstrap", self.name == "random_forest"):
            raise DomainError("model.yaml: params.max_samples", "does nothing alone", "set bootstrap to true as well")

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """How many rows a leaf has, and how many features a split looks at."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 50, 200, step=50),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 500, log=True),
            "max_features": trial.suggest_float("max_features", 0.2, 1.0),
            "max_depth": trial.suggest_int("max_depth", 4, 12),
        }

    def fit(
        self,
        sample: Sample,
        params: Params,
        *,
        seed: int,
        validation: Validation | None = None,  # noqa: ARG002 - more trees never overfit: there is nothing to stop
    ) -> LearnedTrees:
        """A forest of exactly the trees asked for; one thread, for its sums."""
        chosen = {**_DEFAULTS, **params}
        kinds = _REGRESSORS if sample.task == "regression" else _CLASSIFIERS
        told = {
            name: min(value, len(sample.rows)) if name == "max_samples" else value for name, value in chosen.items()
        }
        forest = kinds[self._name](**told, random_state=seed, n_jobs=1)
        forest.fit(within_float32(sample.rows), sample.labels, sample_weight=sample.weights)
        columns = _columns(sample.task, sample.n_classes)

        def predict(some: np.ndarray) -> np.ndarray:
            """Probabilities or values."""
            given = within_float32(some)
            if sample.task == "regression":
                return np.asarray(forest.predict(given), dtype=np.float64)[:, np.newaxis]
            return np.ascontiguousarray(forest.predict_proba(given)[:, columns], dtype=np.float64)

        return LearnedTrees(
            learner=self.name,
            params=chosen,
            link="identity",
            importance=shares(forest.feature_importances_),
            ensemble=read_forest(forest, columns),
            predict=predict,
        )


def _columns(task: Task, n_classes: int) -> tuple[int, ...]:
    """Which of a tree's outputs are the model's: a binary model's is the probability of 1."""
    if task == "multiclass":
        return tuple(range(n_classes))
    return (1,) if task == "binary" else (0,)
