"""Whether clusters lie apart, and would be found again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_score

from features.errors import DomainError
from offline_training.evaluation.evaluation import ClustersEvaluation
from offline_training.gates import Gate
from offline_training.learners import Learned
from offline_training.learners.learned_clusters import LearnedClusters
from offline_training.preparation import Prepared
from offline_training.unsupervised.resampling import spread, stability


def evaluate_clusters(
    fit: Callable[[np.ndarray], Learned],
    tested: Learned,
    rows: np.ndarray,
    later: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> tuple[ClustersEvaluation, tuple[Gate, ...]]:
    """Figures of later rows; and the gate: clusters lie further apart than the same rows with their columns shuffled.

    So much is found in any rows: what ties their columns together is gone then, and the columns are what they were.
    """
    if rows.shape[1] == 1:
        raise DomainError(
            "model.yaml: task", "clusters a single feature, of which shuffling changes nothing", "give it another"
        )
    some = spread(len(later))
    own = tested.raw(later).max(axis=1)
    found = cluster_of(tested, later)
    known = ~np.isnan(labels)
    test = ClustersEvaluation(
        rows=len(later),
        silhouette=silhouette(tested, later[some]),
        inertia=float((own**2).mean()),
        stability=stability(lambda drawn: lambda asked: cluster_of(fit(drawn), asked), _rand, found, rows, later, seed),
        adjusted_rand=_rand(labels[known], found[known]) if known.any() else None,
    )
    shuffled = _shuffled(np.concatenate([rows, later]), seed)
    blind = silhouette(fit(shuffled[: len(rows)]), shuffled[len(rows) :][some])
    return test, (Gate(name="against_shuffled_columns", value=test.silhouette, least=blind),)


def silhouette(model: Learned, rows: np.ndarray) -> float:
    """Mean silhouette among the prepared rows, where distances are measured; nought where all are of one cluster."""
    found = cluster_of(model, rows)
    if not 1 < len(np.unique(found)) < len(found):
        return 0.0
    return float(silhouette_score(_inputs(model, rows), found))


def cluster_of(model: Learned, rows: np.ndarray) -> np.ndarray:
    """Number of the nearest."""
    return np.asarray(model.raw(rows).argmax(axis=1))


def _inputs(model: Learned, rows: np.ndarray) -> np.ndarray:
    """What a model measures distances between."""
    if isinstance(model, Prepared):
        return _inputs(model.model, model.steps.apply(rows))
    if isinstance(model, LearnedClusters):
        return model.preparation.apply(rows)
    raise DomainError("model.yaml: algorithm", f"{model.learner} has no centres", "choose kmeans")


def _rand(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(adjusted_rand_score(ours, theirs))


def _shuffled(rows: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).permuted(rows, axis=0))
