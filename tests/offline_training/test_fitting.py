"""Fitting: chosen, judged against baselines, refitted on everything, proven."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from features.errors import DomainError
from features.model_file import DecisionSpec, GateSpec, ModelSpec
from offline_training.baselines import linear_scores, single_input_scores
from offline_training.dataset import Dataset, LeftOut, fingerprint
from offline_training.evaluation import evaluate, roc_auc
from offline_training.fitting import fit
from offline_training.gates import judge
from offline_training.learners import Params, Sample
from offline_training.learners.lightgbm_learner import ACCEPTED, LearnedLightGbm, LightGbm
from offline_training.proof import open_session, raw_scores

DAY_US = 86_400_000_000
NAMES = ("v:strong", "v:weak", "v:noise")


def _dataset(n_days: int = 40, a_day: int = 60, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    n = n_days * a_day
    rows = rng.normal(size=(n, 3))
    rows[rng.random((n, 3)) < 0.05] = np.nan
    filled = np.nan_to_num(rows)
    labels = (2 * filled[:, 0] + np.sin(3 * filled[:, 1]) + rng.normal(size=n) > 0).astype(np.float64)
    at_us = np.repeat(np.arange(n_days) * DAY_US, a_day)
    return Dataset(NAMES, rows, labels, at_us, LeftOut(0, 0), fingerprint(NAMES, [rows], labels, at_us), "as_true")


def _spec(**change: Any) -> ModelSpec:
    spec = ModelSpec(
        service="s",
        horizon="5d",
        baseline_feature="v:strong",
        params={"num_leaves": 6, "num_iterations": 60, "early_stopping_round": 10, "min_data_in_leaf": 10},
        decision=DecisionSpec(positive="yes", negative="no"),
        seed=5,
    )
    return msgspec.structs.replace(spec, **change)


def _boosted(rows: np.ndarray, labels: np.ndarray, params: Params, seed: int) -> LearnedLightGbm:
    return LightGbm().fit(Sample(rows, labels, "binary", 2), params, seed=seed)


def _quiet(_: str) -> None:
    """Say nothing."""


def test_the_tested_model_has_seen_no_later_row() -> None:
    """Rows within the horizon of the test date change nothing of what is measured; the refit sees them."""
    data = _dataset()
    altered = data.labels.copy()
    inside_gap = (data.at_us > 34 * DAY_US) & (data.at_us < 39 * DAY_US)
    altered[inside_gap] = 1 - altered[inside_gap]
    first, second = fit(data, _spec(), _quiet), fit(data._replace(labels=altered), _spec(), _quiet)
    assert first.test == second.test
    assert first.linear == second.linear
    assert first.exported.onnx != second.exported.onnx


def test_equal_data_and_seed_give_equal_bytes() -> None:
    """model.onnx and its golden rows are reproduced byte for byte; another seed gives another model."""
    bagged = {"bagging_fraction": 0.5, "bagging_freq": 1, "num_iterations": 10}
    first, again, other = (fit(_dataset(), _spec(seed=seed, params=bagged), _quiet) for seed in (5, 5, 6))
    assert first.exported.onnx == again.exported.onnx != other.exported.onnx
    assert first.proof.golden.features.tobytes() == again.proof.golden.features.tobytes()


def test_the_published_model_is_the_refitted_one() -> None:
    """The ONNX bytes give the refit's raw scores for every row of the training set, bit for bit."""
    data = _dataset()
    fitted = fit(data, _spec(), _quiet)
    refitted = _boosted(data.rows, data.labels, fitted.learned.params, 5)
    found = raw_scores(open_session(fitted.exported.onnx), data.rows)
    assert found.tobytes() == refitted.raw(data.rows).tobytes()
    assert fitted.proof.max_abs_diff == 0.0


def test_a_strong_signal_passes_and_a_high_gate_does_not() -> None:
    """Gates are judged on the test rows against both baselines."""
    fitted = fit(_dataset(), _spec(), _quiet)
    assert [gate.passed for gate in fitted.gates] == [True, True]
    refused = fit(_dataset(), _spec(gates=GateSpec(max_below_linear=-0.5, min_above_baseline=0.005)), _quiet)
    assert [gate.passed for gate in refused.gates] == [False, True]


def test_gates_hold_at_their_bound() -> None:
    """A value equal to what is asked passes, one below does not."""
    spec = GateSpec(max_below_linear=0.25, min_above_baseline=0.25)
    at_bound = judge(spec, rank=0.5, linear="ridge", linear_rank=0.75, single_rank=0.25)
    below = judge(spec, rank=0.4999, linear="ridge", linear_rank=0.75, single_rank=0.25)
    assert [gate.passed for gate in at_bound] == [True, True]
    assert [gate.passed for gate in below] == [False, False]


def test_rounds_stop_where_validation_is_best() -> None:
    """Early stopping looks at the later part alone; where history is too short for one, the number is as stated."""
    data = _dataset()
    params = {"num_iterations": 300, "early_stopping_round": 10, "num_leaves": 31}
    chosen = fit(data, _spec(params=params), _quiet)
    assert 1 <= int(chosen.learned.params["num_iterations"]) < 300
    assert chosen.validation_loss is not None
    short = fit(_dataset(n_days=8), _spec(params={"num_iterations": 30}), _quiet)
    assert (short.learned.params["num_iterations"], short.validation_loss) == (30, None)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"boosting": "rf"}, "boosting"),
        ({"zero_as_missing": True}, "zero_as_missing"),
        ({"linear_tree": True}, "linear_tree"),
        ({"objective": "cross_entropy"}, "objective"),
        ({"num_threads": 8}, "num_threads"),
        ({"n_estimators": 10}, "n_estimators"),
        ({"bagging_fraction": 0.5}, "bagging_freq"),
    ],
)
def test_params_that_are_not_proven_are_refused(params: dict[str, Any], problem: str) -> None:
    """What the engine sets itself, what does not convert and what does nothing is refused by name."""
    with pytest.raises(DomainError, match=problem):
        LightGbm().check(params)


def test_all_allowed_params_are_lightgbms() -> None:
    """LightGBM knows every name that is allowed: none is silently without effect."""
    data = _dataset(n_days=5)
    known = _boosted(data.rows, data.labels, {"num_iterations": 1}, 1).booster.model_to_string()
    own_loop = {"early_stopping_round", "num_iterations"}
    assert {name for name in ACCEPTED.keys() - own_loop if f"\n[{name}: " not in known} == set()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, on its way to NaN
def test_a_fit_that_went_astray_is_refused() -> None:
    """Its NaN would be equal to ONNX Runtime's."""
    data = _dataset(n_days=8)
    data = data._replace(labels=data.labels * 1e200)
    spec = _spec(task="regression", algorithm="mlp", params={"epochs": 2}, decision=None)
    with pytest.raises(
        DomainError, match=r"algorithm: mlp: learned no numbers from the training rows.*labels into range"
    ):
        fit(data, spec, _quiet)


def test_an_unknown_baseline_feature_is_refused() -> None:
    """The feature to beat must be an input of the model."""
    with pytest.raises(DomainError, match="v:absent is no input"):
        fit(_dataset(), _spec(baseline_feature="v:absent"), _quiet)


def test_a_history_shorter_than_two_horizons_is_refused() -> None:
    """Without a row that ends a horizon before the test date nothing can be tested."""
    with pytest.raises(DomainError, match="training rows"):
        fit(_dataset(n_days=4), _spec(), _quiet)


def test_the_single_feature_ranks_in_the_direction_of_the_fit() -> None:
    """A feature that falls as the label rises ranks the other way, whatever the tested labels say."""
    labels, column = np.array([0.0, 0.0, 1.0, 1.0]), np.array([4.0, 3.0, np.nan, 1.0])
    assert roc_auc(labels, single_input_scores(column, labels, np.array([9.0, 8.0, np.nan, 0.0]))) == 1.0


def test_the_logistic_baseline_is_a_fair_one() -> None:
    """On a linear signal it beats a small LightGBM, missing values and an empty column notwithstanding."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=(3_000, 2)), np.full(3_000, np.nan)])
    rows[rng.random(3_000) < 0.1, 1] = np.nan
    labels = (rows[:, 0] + np.nan_to_num(rows[:, 1]) + rng.normal(size=3_000) > 0).astype(np.float64)
    boosted = _boosted(rows[:2_000], labels[:2_000], {"num_leaves": 3, "num_iterations": 10}, 0)
    logistic = roc_auc(labels[2_000:], linear_scores(_spec(), rows[:2_000], labels[:2_000], rows[2_000:])[:, 0])
    assert logistic > roc_auc(labels[2_000:], boosted.raw(rows[2_000:])[:, 0])
    assert logistic > 0.75


def test_figures_are_those_of_the_definitions() -> None:
    """Evaluation by hand on four rows."""
    found = evaluate(np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.9, 0.5, 0.4, 0.8]), threshold=0.5)
    assert (found.rows, found.positives) == (4, 3)
    assert found.roc_auc == pytest.approx(2 / 3)
    assert found.accuracy == 0.5
    assert found.majority_accuracy == 0.75
    assert found.brier == pytest.approx((0.01 + 0.25 + 0.36 + 0.04) / 4)
