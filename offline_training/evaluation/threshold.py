"""Where a binary decision should turn: at the least cost, or where a precision or a recall holds."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from features.errors import DomainError
from features.model_file import ModelSpec, ThresholdSpec

Doubles = npt.NDArray[np.float64]
_WHERE = "model.yaml: evaluation.threshold"


class _Candidates(NamedTuple):
    """Thresholds that decide rows differently, rising, and how many of the rows each gets wrong."""

    thresholds: Doubles
    false_positives: Doubles
    false_negatives: Doubles


def require_stated(spec: ModelSpec) -> None:
    """DomainError where a threshold is to be chosen, and there are no rows to choose it on."""
    if spec.evaluation.threshold is not None:
        raise DomainError(
            _WHERE,
            "cannot be chosen: no labelled rows lie a gap before the tested ones and their training rows",
            "observe for longer, or state decision.threshold",
        )


def decide_by(spec: ModelSpec, labels: Doubles, scores: Doubles) -> ModelSpec:
    """The model file with the threshold that it asks for, chosen on rows that are not tested."""
    wanted, decision = spec.evaluation.threshold, spec.decision
    if wanted is None or decision is None:
        return spec
    chosen = msgspec.structs.replace(decision, threshold=choose_threshold(wanted, labels, scores))
    return msgspec.structs.replace(spec, decision=chosen)


def choose_threshold(spec: ThresholdSpec, labels: Doubles, scores: Doubles) -> float:
    """The threshold that a model file asks for, on rows that are not tested; DomainError where none holds it."""
    found = _candidates(labels, scores)
    n_positive = float((labels == 1.0).sum())
    right = n_positive - found.false_negatives
    named = right + found.false_positives
    if spec.cost is not None:
        costs = spec.cost.false_positive * found.false_positives + spec.cost.false_negative * found.false_negatives
        return float(found.thresholds[np.argmin(costs)])
    if spec.recall is not None:
        return float(found.thresholds[np.flatnonzero(right >= spec.recall * n_positive)[-1]])
    precisions = np.divide(right, named, out=np.zeros_like(right), where=named > 0)
    holding = np.flatnonzero(precisions >= spec.precision)
    if not len(holding):
        problem = f"asks for a precision of {spec.precision:g}, and the best is {precisions.max():.4f}"
        raise DomainError(_WHERE, problem, "ask for less, or for a recall")
    return float(found.thresholds[holding[0]])


def _candidates(labels: Doubles, scores: Doubles) -> _Candidates:
    """All thresholds strictly between 0 and 1: between two neighbouring scores, below all, above all."""
    values, row_of = np.unique(scores, return_inverse=True)
    positives = np.bincount(row_of, labels == 1.0)
    negatives = np.bincount(row_of, labels != 1.0)
    bounds = np.concatenate([[0.0], values, [1.0]])
    thresholds = bounds[:-1] + np.diff(bounds) / 2
    below_positive = np.concatenate([[0.0], np.cumsum(positives)])
    below_negative = np.concatenate([[0.0], np.cumsum(negatives)])
    usable = (thresholds > 0.0) & (thresholds < 1.0)
    return _Candidates(thresholds[usable], (below_negative[-1] - below_negative)[usable], below_positive[usable])
