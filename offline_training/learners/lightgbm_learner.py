"""LightGBM's gradient-boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from features.errors import DomainError
from features.head import Link, Task
from offline_training.conversion.lightgbm_trees import read_trees
from offline_training.learners.learned_trees import LearnedTrees
from offline_training.learners.learner import Params, Sample, Trial, Validation
from offline_training.learners.params import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Accepted,
    Flag,
    Whole,
    require_accepted,
    shares,
    telling,
)

ACCEPTED: Final[Accepted] = {
    "bagging_fraction": SHARE,
    "bagging_freq": Whole(0),
    "early_stopping_round": Whole(1),
    "extra_trees": Flag(),
    "feature_fraction": SHARE,
    "feature_fraction_bynode": SHARE,
    "lambda_l1": NOT_NEGATIVE,
    "lambda_l2": NOT_NEGATIVE,
    "learning_rate": POSITIVE,
    "max_bin": Whole(2),
    "max_delta_step": NOT_NEGATIVE,
    "max_depth": Whole(-1),
    "min_data_in_bin": Whole(1),
    "min_data_in_leaf": Whole(0),
    "min_gain_to_split": NOT_NEGATIVE,
    "min_sum_hessian_in_leaf": NOT_NEGATIVE,
    "num_iterations": Whole(1),
    "num_leaves": Whole(2, 131_072),
    "path_smooth": NOT_NEGATIVE,
}
"""What ``params`` may set: all of it is proven to convert bit for bit."""

_FIXED: dict[str, Any] = {
    "boosting": "gbdt",
    "deterministic": True,
    "force_row_wise": True,  # the choice by timing would differ from run to run
    "num_threads": 1,  # sums of another number of threads round differently
    "verbosity": -1,
}
_OBJECTIVES: dict[Task, tuple[str, str, Link]] = {
    "binary": ("binary", "binary_logloss", "sigmoid"),
    "multiclass": ("multiclass", "multi_logloss", "softmax"),
    "regression": ("regression", "l2", "identity"),
}
"""Objective, loss and link of each task."""

_DEFAULT_ROUNDS = 100
_DEFAULT_PATIENCE = 50


@dataclass(frozen=True, kw_only=True)
class LearnedLightGbm(LearnedTrees):
    """With the booster itself."""

    booster: Any


class LightGbm:
    """LightGBM."""

    name: Final = "lightgbm"
    library: Final = "lightgbm"
    tasks: Final[frozenset[Task]] = frozenset(_OBJECTIVES)

    def check(self, params: Params) -> None:
        """DomainError for a parameter that the engine sets itself, or that is not proven to convert."""
        require_accepted(self.name, params, ACCEPTED)
        if float(params.get("bagging_fraction", 1.0)) < 1.0 and not params.get("bagging_freq"):
            raise DomainError("model.yaml: params.bagging_fraction", "does nothing alone", "set bagging_freq as well")

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """Size of the trees, how fast and how carefully they learn."""
        return {
            "num_iterations": 600,
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 1_000, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1.0),
            "bagging_freq": 1,
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 100.0, log=True),
        }

    def fit(
        self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None
    ) -> LearnedLightGbm:
        """Trees of exactly the rounds asked for, or fewer where validation says so or no split is left to make."""
        rounds = rounds_of(params)
        data = lgb.Dataset(sample.rows, sample.labels, weight=sample.weights)
        given = lightgbm_params(sample.task, sample.n_classes, params, seed)
        stopping = {} if validation is None else _stopping(data, params, validation)
        with telling(self.name, lgb.basic.LightGBMError):
            booster = lgb.train(given, data, rounds, **stopping)
        if validation is not None:
            rounds = booster.best_iteration
        return learned_from(booster, rounds, params, sample.task)


def learned_from(booster: lgb.Booster, rounds: int, params: Params, task: Task) -> LearnedLightGbm:
    """What a booster is that was fitted in so many rounds."""
    own = {name: value for name, value in params.items() if name != "early_stopping_round"}
    return LearnedLightGbm(
        learner=LightGbm.name,
        params=own | {"num_iterations": rounds},
        link=_OBJECTIVES[task][2],
        importance=shares(booster.feature_importance("gain")),
        ensemble=read_trees(booster.model_to_string()),
        predict=lambda some: raw_predict(booster, some),
        booster=booster,
    )


def raw_predict(booster: lgb.Booster, rows: np.ndarray) -> np.ndarray:
    """LightGBM's raw scores ``[n, outputs]``."""
    return np.asarray(booster.predict(rows, raw_score=True), dtype=np.float64).reshape(len(rows), -1)


def rounds_of(params: Params) -> int:
    """How many rounds a fit makes at most."""
    return int(params.get("num_iterations", _DEFAULT_ROUNDS))


def patience_of(params: Params) -> int:
    """After how many rounds without a smaller loss it stops."""
    return int(params.get("early_stopping_round", _DEFAULT_PATIENCE))


def lightgbm_params(task: Task, n_classes: int, params: Params, seed: int) -> dict[str, Any]:
    """All that LightGBM is told, but for how long it learns."""
    objective, metric, _ = _OBJECTIVES[task]
    own = {name: value for name, value in params.items() if name not in {"num_iterations", "early_stopping_round"}}
    several = {"num_class": n_classes} if task == "multiclass" else {}
    return own | _FIXED | several | {"objective": objective, "metric": metric, "seed": seed}


def _stopping(data: lgb.Dataset, params: Params, validation: Validation) -> dict[str, Any]:
    """What makes a training watch the validation rows."""

    def report(progress: Any) -> None:
        ((_, _, loss, _),) = progress.evaluation_result_list
        validation.report(progress.iteration, float(loss))

    watched = lgb.Dataset(validation.rows, validation.labels, weight=validation.weights, reference=data)
    return {"valid_sets": [watched], "callbacks": [report, lgb.early_stopping(patience_of(params), verbose=False)]}
