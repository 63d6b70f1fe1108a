"""XGBoost's gradient-boosted trees, fitted upon a constant and published with leaves that its float32 adds exactly."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xgboost as xgb

from features.head import Link, Task
from offline_training.conversion.float_rows import within_float32
from offline_training.conversion.xgboost_trees import on_grid, read_xgboost
from offline_training.learners.learned_trees import LearnedTrees
from offline_training.learners.learner import Params, Report, Sample, Trial, Validation
from offline_training.learners.params import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Accepted,
    Choice,
    Whole,
    require_accepted,
    shares,
    telling,
)
from offline_training.learners.prior import prior_raws

ACCEPTED: Final[Accepted] = {
    "colsample_bylevel": SHARE,
    "colsample_bynode": SHARE,
    "colsample_bytree": SHARE,
    "early_stopping_rounds": Whole(1),
    "gamma": NOT_NEGATIVE,
    "grow_policy": Choice(("depthwise", "lossguide")),
    "learning_rate": POSITIVE,
    "max_bin": Whole(2),
    "max_delta_step": NOT_NEGATIVE,
    "max_depth": Whole(0),
    "max_leaves": Whole(0),
    "min_child_weight": NOT_NEGATIVE,
    "n_estimators": Whole(1),
    "reg_alpha": NOT_NEGATIVE,
    "reg_lambda": NOT_NEGATIVE,
    "subsample": SHARE,
}
"""What ``params`` may set: all of it is proven to convert bit for bit."""

_FIXED: dict[str, Any] = {"booster": "gbtree", "tree_method": "hist", "nthread": 1, "verbosity": 0}
_OBJECTIVES: dict[Task, tuple[str, str, float, Link]] = {
    "binary": ("binary:logistic", "logloss", 0.5, "sigmoid"),
    "multiclass": ("multi:softprob", "mlogloss", 0.0, "softmax"),
    "regression": ("reg:squarederror", "rmse", 0.0, "identity"),
}
"""Objective, loss, the base score that is a raw score of 0, and link of each task."""

_OWN_LOOP: Final = {"n_estimators", "early_stopping_rounds"}
_DEFAULT_ROUNDS = 100
_DEFAULT_PATIENCE = 50


class XgBoost:
    """XGBoost."""

    name: Final = "xgboost"
    library: Final = "xgboost-cpu"
    tasks: Final[frozenset[Task]] = frozenset(_OBJECTIVES)

    def check(self, params: Params) -> None:
        """DomainError for a parameter that the engine sets itself, or that is not proven to convert."""
        require_accepted(self.name, params, ACCEPTED)

    def space(self, trial: Trial, task: Task) -> Params:  # noqa: ARG002 - one space for all tasks
        """Size of the trees, how fast and how carefully they learn."""
        return {
            "n_estimators": 600,
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
            "max_depth": trial.suggest_int("max_depth", 2, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 200.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 100.0, log=True),
        }

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> LearnedTrees:
        """Trees of exactly the rounds asked for, or fewer where validation says so."""
        task = sample.task
        prior = prior_raws(task, sample.labels, sample.n_classes, sample.weights).astype(np.float32)
        objective, metric, base_score, link = _OBJECTIVES[task]
        own = {name: value for name, value in params.items() if name not in _OWN_LOOP}
        several = {"num_class": sample.n_classes} if task == "multiclass" else {}
        fixed = {"objective": objective, "eval_metric": metric, "base_score": base_score, "seed": seed}
        with telling(self.name, xgb.core.XGBoostError):
            booster = xgb.train(
                own | _FIXED | several | fixed,
                _matrix(sample.rows, sample.labels, sample.weights, prior),
                int(params.get("n_estimators", _DEFAULT_ROUNDS)),
                verbose_eval=False,
                **({} if validation is None else _stopping(params, validation, prior, squared=task == "regression")),
            )
        model = on_grid(bytes(booster.save_raw("json")), prior.tolist())
        published = xgb.Booster({"nthread": 1}, model_file=bytearray(model))
        kept = {name: value for name, value in params.items() if name != "early_stopping_rounds"}
        return LearnedTrees(
            learner=self.name,
            params=kept | {"n_estimators": booster.num_boosted_rounds()},
            link=link,
            importance=_gain_shares(booster, sample.rows.shape[1]),
            ensemble=read_xgboost(model),
            predict=lambda some: raw_predict(published, some),
        )


def raw_predict(booster: xgb.Booster, rows: np.ndarray) -> np.ndarray:
    """XGBoost's raw scores ``[n, outputs]``."""
    raws = booster.predict(xgb.DMatrix(within_float32(rows), nthread=1), output_margin=True)
    return np.asarray(raws, dtype=np.float64).reshape(len(rows), -1)


def _matrix(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, prior: np.ndarray) -> xgb.DMatrix:
    """Rows whose fit begins at the prior."""
    margin = np.tile(prior, (len(rows), 1)) if len(prior) > 1 else np.full(len(rows), prior[0])
    return xgb.DMatrix(within_float32(rows), labels, weight=weights, base_margin=margin, nthread=1)


def _gain_shares(booster: xgb.Booster, n_features: int) -> np.ndarray:
    gains = booster.get_score(importance_type="total_gain")
    return shares(np.array([gains.get(f"f{i}", 0.0) for i in range(n_features)]))


class _Reporter(xgb.callback.TrainingCallback):
    """Passes the loss on the validation rows on."""

    def __init__(self, report: Report, *, squared: bool) -> None:
        super().__init__()
        self._report = report
        self._squared = squared

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - the callback's
        """Report the last loss; True would end the fit."""
        ((loss,),) = ([losses[-1] for losses in of_set.values()] for of_set in evals_log.values())
        self._report(epoch, float(loss) ** 2 if self._squared else float(loss))
        return False


def _stopping(params: Params, validation: Validation, prior: np.ndarray, *, squared: bool) -> dict[str, Any]:
    """What makes a training watch the validation rows."""
    patience = int(params.get("early_stopping_rounds", _DEFAULT_PATIENCE))
    watched = _matrix(validation.rows, validation.labels, validation.weights, prior)
    stop = xgb.callback.EarlyStopping(rounds=patience, save_best=True)
    return {"evals": [(watched, "validation")], "callbacks": [_Reporter(validation.report, squared=squared), stop]}
