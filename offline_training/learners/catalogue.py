"""Every learner that there is, by the name that ``model.yaml`` gives it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from features.errors import DomainError
from features.head import Task
from offline_training.learners.deep.learner import Cnn, DeepMlp
from offline_training.learners.forest_learner import Forest
from offline_training.learners.isolation_forest_learner import Isolation
from offline_training.learners.kmeans_learner import KMeansClustering
from offline_training.learners.learner import Learner
from offline_training.learners.lightgbm_learner import LightGbm
from offline_training.learners.linear_learner import Logistic, RidgeRegression
from offline_training.learners.mlp_learner import Mlp
from offline_training.learners.xgboost_learner import XgBoost

_ALL: tuple[Learner, ...] = (
    LightGbm(),
    XgBoost(),
    Forest("random_forest"),
    Forest("extra_trees"),
    Logistic(),
    RidgeRegression(),
    Mlp(),
    KMeansClustering(),
    Isolation(),
)

_OF_EXTRAS: tuple[Learner, ...] = (DeepMlp(), Cnn())

LEARNERS: Final[Mapping[str, Learner]] = MappingProxyType({learner.name: learner for learner in (*_ALL, *_OF_EXTRAS)})

OF_EXTRAS: Final = frozenset(learner.name for learner in _OF_EXTRAS)
"""Those that an optional extra brings: searched only where they are named."""


def learner_of(algorithm: str, task: Task) -> Learner:
    """The learner of that name; DomainError where there is none, or none that can do the task."""
    able = [name for name, learner in LEARNERS.items() if task in learner.tasks]
    if algorithm not in able:
        raise DomainError(
            "model.yaml: algorithm", f"{algorithm} cannot learn a {task} model", f"choose of {', '.join(able)}"
        )
    return LEARNERS[algorithm]
