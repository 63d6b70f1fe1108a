"""Deciding only where the model is certain: on which share of the rows an accuracy holds that it misses on all."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from offline_training.evaluation.outcomes import Outcomes


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """The largest share of the rows, the most certain ones, that are decided with an accuracy.

    ``certainty`` is the probability of the decision at and above which a row is among them.
    """

    accuracy: float
    share: float
    rows: int
    certainty: float

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.4f} on the most certain {self.share:.1%} of the rows"


class Curve(NamedTuple):
    """Accuracy of the most certain rows, from few of them to all; one point a certainty."""

    rows: np.ndarray
    accuracies: np.ndarray
    certainties: np.ndarray


def selective_curve(outcomes: Outcomes) -> Curve:
    """Accuracy by how many of the most certain rows are decided; rows of one certainty come together."""
    certainty = outcomes.certainty
    order = np.argsort(-certainty, kind="stable")
    ordered = certainty[order]
    right = np.cumsum((outcomes.predicted == outcomes.labels)[order])
    ends = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    return Curve(ends + 1, right[ends] / (ends + 1), ordered[ends])


def coverage_at(outcomes: Outcomes, accuracy: float) -> Coverage | None:
    """The most rows that can be decided with at least this accuracy; None where even the most certain are not.

    El-Yaniv, Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010): risk and coverage.
    """
    curve = selective_curve(outcomes)
    held = np.flatnonzero(curve.accuracies >= accuracy)
    if not len(held):
        return None
    last = held[-1]
    n = int(curve.rows[last])
    return Coverage(
        accuracy=float(curve.accuracies[last]),
        share=n / len(outcomes.labels),
        rows=n,
        certainty=float(curve.certainties[last]),
    )
