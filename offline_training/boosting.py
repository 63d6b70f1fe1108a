"""Training LightGBM so that the same rows, parameters and seed give the same model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np

from features.errors import DomainError
from offline_training.split import Split

Params = Mapping[str, bool | int | float | str]

ALLOWED: frozenset[str] = frozenset(
    {
        "bagging_fraction",
        "bagging_freq",
        "early_stopping_round",
        "extra_trees",
        "feature_fraction",
        "feature_fraction_bynode",
        "lambda_l1",
        "lambda_l2",
        "learning_rate",
        "max_bin",
        "max_delta_step",
        "max_depth",
        "min_data_in_bin",
        "min_data_in_leaf",
        "min_gain_to_split",
        "min_sum_hessian_in_leaf",
        "num_iterations",
        "num_leaves",
        "path_smooth",
    }
)
"""What ``params`` may set: all of it is proven to convert bit for bit."""

_FIXED: dict[str, Any] = {
    "objective": "binary",
    "boosting": "gbdt",
    "deterministic": True,
    "force_row_wise": True,  # the choice by timing would differ from run to run
    "num_threads": 1,  # sums of another number of threads round differently
    "verbosity": -1,
}
_DEFAULT_ROUNDS = 100
_DEFAULT_PATIENCE = 50


class Rounds(NamedTuple):
    """How many rounds to train, and the log loss at which validation chose them (None: too little history)."""

    number: int
    validation_log_loss: float | None


def check_params(params: Params) -> None:
    """DomainError for a parameter that the engine sets itself, or that is not proven to convert."""
    for name in sorted(set(params) - ALLOWED):
        known = ", ".join(sorted(ALLOWED))
        raise DomainError(f"model.yaml: params.{name}", "is not accepted", f"LightGBM's names accepted are {known}")
    if float(params.get("bagging_fraction", 1.0)) < 1.0 and not params.get("bagging_freq"):
        raise DomainError("model.yaml: params.bagging_fraction", "does nothing alone", "set bagging_freq as well")


def choose_rounds(rows: np.ndarray, labels: np.ndarray, split: Split, params: Params, seed: int) -> Rounds:
    """Rounds at which the log loss of the later part of a split is least, fitted on the earlier part.

    Where the history is too short for such a split, a fixed number.
    """
    most = int(params.get("num_iterations", _DEFAULT_ROUNDS))
    if any(len(np.unique(labels[part])) < 2 for part in (split.earlier, split.later)):
        return Rounds(min(most, _DEFAULT_ROUNDS), None)
    fit = lgb.Dataset(rows[split.earlier], labels[split.earlier])
    validation = lgb.Dataset(rows[split.later], labels[split.later], reference=fit)
    patience = int(params.get("early_stopping_round", _DEFAULT_PATIENCE))
    booster = lgb.train(
        _lightgbm_params(params, seed) | {"metric": "binary_logloss"},
        fit,
        most,
        valid_sets=[validation],
        callbacks=[lgb.early_stopping(patience, verbose=False)],
    )
    return Rounds(booster.best_iteration, float(booster.best_score["valid_0"]["binary_logloss"]))


def fit_booster(rows: np.ndarray, labels: np.ndarray, params: Params, seed: int, rounds: int) -> lgb.Booster:
    """A booster of exactly that many rounds (or fewer, where no split is left to make)."""
    return lgb.train(_lightgbm_params(params, seed), lgb.Dataset(rows, labels), rounds)


def raw_predict(booster: lgb.Booster, rows: np.ndarray) -> np.ndarray:
    """LightGBM's raw scores ``[n]``: log-odds."""
    return np.asarray(booster.predict(rows, raw_score=True), dtype=np.float64)


def gain_importance(booster: lgb.Booster) -> np.ndarray:
    """Share of the total gain that each input's splits brought."""
    gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    return gain / gain.sum() if gain.sum() else gain


def _lightgbm_params(params: Params, seed: int) -> dict[str, Any]:
    own = {name: value for name, value in params.items() if name not in {"num_iterations", "early_stopping_round"}}
    return own | _FIXED | {"seed": seed}
