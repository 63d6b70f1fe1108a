"""From a training set to a proven model: evaluated on the last observations, then refitted on every row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from features.errors import DomainError
from features.model_file import ModelSpec
from features.sigmoid import sigmoid_many
from offline_training.baselines import fit_logistic, logistic_scores, single_input_scores
from offline_training.boosting import (
    Rounds,
    check_params,
    choose_rounds,
    fit_booster,
    gain_importance,
    raw_predict,
)
from offline_training.dataset import Dataset
from offline_training.evaluation import Evaluation, evaluate, roc_auc
from offline_training.gates import Gate, judge
from offline_training.lightgbm_trees import Ensemble, read_trees
from offline_training.onnx_trees import to_onnx
from offline_training.proof import Proof, prove
from offline_training.split import Split, require_both_outcomes, split_by_time

Say = Callable[[str], None]


class Fitted(NamedTuple):
    """The model to publish, and what is known of it.

    ``test_scores`` and the figures are of the model that was fitted on the earlier rows only; the published one
    (``ensemble``, ``onnx``, ``proof``, ``importance``) is fitted on all.
    """

    ensemble: Ensemble
    onnx: bytes
    proof: Proof
    importance: np.ndarray
    split: Split
    rounds: Rounds
    test_scores: np.ndarray
    test: Evaluation
    logistic: Evaluation
    single_feature_roc_auc: float
    gates: tuple[Gate, ...]


def fit(data: Dataset, spec: ModelSpec, say: Say) -> Fitted:
    """Choose the number of rounds, evaluate against both baselines, refit on all rows, convert and prove."""
    check_params(spec.params)
    split = split_by_time(data.at_us, gap_us=spec.gap_us, span_us=spec.test_span_us)
    earlier, later = split.earlier, split.later
    require_both_outcomes("training rows", data.labels[earlier])
    require_both_outcomes("test rows", data.labels[later])
    rows, labels, test_labels = data.rows[earlier], data.labels[earlier], data.labels[later]

    say(f"choosing the number of rounds on {len(earlier):,} rows")
    inner = split_by_time(data.at_us[earlier], gap_us=spec.gap_us, span_us=spec.test_span_us)
    rounds = choose_rounds(rows, labels, inner, spec.params, spec.seed)
    say(f"fitting {rounds.number} rounds and the baselines, testing on {len(later):,} rows")
    booster = fit_booster(rows, labels, spec.params, spec.seed, rounds.number)
    test_scores = np.array(sigmoid_many(raw_predict(booster, data.rows[later]).tolist()))
    test = evaluate(test_labels, test_scores, spec.decision.threshold)
    logistic_test_scores = logistic_scores(fit_logistic(rows, labels), data.rows[later])
    logistic = evaluate(test_labels, logistic_test_scores, spec.decision.threshold)
    alone = _column(data, spec.baseline_feature)
    single = roc_auc(test_labels, single_input_scores(alone[earlier], labels, alone[later]))
    gates = judge(spec.gates, roc_auc=test.roc_auc, logistic_roc_auc=logistic.roc_auc, baseline_roc_auc=single)

    say(f"refitting on all {len(data.labels):,} rows")
    final: Any = fit_booster(data.rows, data.labels, spec.params, spec.seed, rounds.number)
    ensemble = read_trees(final.model_to_string())
    onnx = to_onnx(ensemble)
    say("proving the ONNX model bit for bit")
    proof = prove(ensemble, onnx, lambda probes: raw_predict(final, probes), data.rows[later])
    return Fitted(
        ensemble=ensemble,
        onnx=onnx,
        proof=proof,
        importance=gain_importance(final),
        split=split,
        rounds=rounds,
        test_scores=test_scores,
        test=test,
        logistic=logistic,
        single_feature_roc_auc=single,
        gates=gates,
    )


def _column(data: Dataset, feature: str) -> np.ndarray:
    if feature not in data.names:
        raise DomainError(
            "model.yaml: baseline_feature", f"{feature} is no input", f"inputs are {', '.join(data.names)}"
        )
    return np.asarray(data.rows[:, data.names.index(feature)])
