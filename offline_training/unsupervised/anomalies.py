"""Where an anomaly begins, and whether a model would find the same ones again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from scipy.stats import spearmanr

from features.head import to_scores
from features.model_file import ModelSpec
from offline_training.evaluation.evaluation import AnomaliesEvaluation, roc_auc
from offline_training.gates import Gate
from offline_training.learners import Learned
from offline_training.unsupervised.resampling import spread, stability

_CHANCE = 0.5


def threshold_at(spec: ModelSpec, scores: np.ndarray) -> ModelSpec:
    """The model file with the threshold that its contamination asks for, of the rows that the model learned from."""
    wanted, decision = spec.evaluation.threshold, spec.decision
    if wanted is None or wanted.contamination is None or decision is None:
        return spec
    threshold = float(np.quantile(scores, 1.0 - wanted.contamination, method="higher"))
    return msgspec.structs.replace(spec, decision=msgspec.structs.replace(decision, threshold=threshold))


def evaluate_anomalies(
    spec: ModelSpec,
    fit: Callable[[np.ndarray], Learned],
    rows: np.ndarray,
    later: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
) -> tuple[AnomaliesEvaluation, tuple[Gate, ...]]:
    """Figures of later rows; and where some of them have labels of both kinds, the gate that it ranks them rightly."""
    assert spec.decision is not None  # model.yaml has no anomaly model without
    some = spread(len(later))
    known = ~np.isnan(labels)
    both = len(np.unique(labels[known])) > 1
    test = AnomaliesEvaluation(
        rows=len(later),
        flagged=float((scores >= spec.decision.threshold).mean()),
        stability=stability(
            lambda drawn: lambda asked: _scores(fit(drawn), asked), _rank_correlation, scores[some], rows, later[some],
            spec.seed,
        ),
        roc_auc=roc_auc(labels[known], scores[known]) if both else None,
    )  # fmt: skip
    if test.roc_auc is None:
        return test, ()
    return test, (Gate(name="against_chance", value=test.roc_auc, least=_CHANCE),)


def _scores(model: Learned, rows: np.ndarray) -> np.ndarray:
    return to_scores(model.link, model.raw(rows))[:, 0]


def _rank_correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Spearman's; nought where all scores are one, which ranks nothing."""
    if (ours == ours[0]).all() or (theirs == theirs[0]).all():
        return 0.0
    return float(spearmanr(ours, theirs).statistic)
