"""The test of a model that learned without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from features.head import to_scores
from features.model_file import ModelSpec
from offline_training.evaluation.evaluation import AnomaliesEvaluation, ClustersEvaluation
from offline_training.gates import Gate
from offline_training.learners import Learned
from offline_training.unsupervised.anomalies import evaluate_anomalies, threshold_at
from offline_training.unsupervised.clusters import evaluate_clusters

Fit = Callable[[np.ndarray], Learned]
"""Fits the model that is tested to other rows."""


class Found(NamedTuple):
    """What the test found, with the names of clusters, or the threshold of anomalies, in the model file's place."""

    spec: ModelSpec
    test: ClustersEvaluation | AnomaliesEvaluation
    gates: tuple[Gate, ...]


def evaluate_unsupervised(
    spec: ModelSpec, fit: Fit, tested: Learned, rows: np.ndarray, later: np.ndarray, labels: np.ndarray
) -> Found:
    """Hold a model, fitted on ``rows``, against ``later`` ones, of which labels may be known (else NaN)."""
    scores = to_scores(tested.link, tested.raw(later))
    if spec.task == "clustering":
        named = msgspec.structs.replace(spec, classes=tuple(f"cluster_{i}" for i in range(scores.shape[1])))
        return Found(named, *evaluate_clusters(fit, tested, rows, later, labels, spec.seed))
    decided = threshold_at(spec, to_scores(tested.link, tested.raw(rows))[:, 0])
    return Found(decided, *evaluate_anomalies(decided, fit, rows, later, scores[:, 0], labels))
