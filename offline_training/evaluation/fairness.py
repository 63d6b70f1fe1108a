"""Whether a model treats groups of a protected column alike, by fairlearn's metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from offline_training.evaluation.bins import parts_of
from offline_training.evaluation.outcomes import Outcomes

LEAST_ROWS: Final = 30
"""A group, and its positives for equal opportunity, count from so many rows on: fewer say nothing."""

UNKNOWN_GAP: Final = 1.0
"""What cannot be measured counts as the widest gap there is: missing evidence is no evidence of fairness."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a protected column; figures are by the names of `Fairness.gaps`, None where rows are too few."""

    value: str
    rows: int
    figures: dict[str, float | None]


class Fairness(msgspec.Struct, frozen=True, kw_only=True):
    """Of one protected column: its groups, and how far they lie apart.

    Of binary decisions the gaps are ``selection_rate`` (demographic parity) and ``true_positive_rate`` (equal
    opportunity); of several classes ``accuracy``; of values ``error``, the mean absolute error over that of all. Of
    anomalies it is the ``selection_rate`` alone, of clusters ``distance``, the mean to the own centre over that of all.
    """

    column: str
    groups: tuple[Group, ...]
    gaps: dict[str, float]

    @property
    def gap(self) -> float:
        """The widest."""
        return max(self.gaps.values())


def fairness_of(outcomes: Outcomes, columns: Mapping[str, np.ndarray]) -> tuple[Fairness, ...]:
    """Each protected column, as long as the outcomes."""
    return tuple(_of_column(outcomes, name, column) for name, column in columns.items())


def _of_column(outcomes: Outcomes, name: str, column: np.ndarray) -> Fairness:
    from fairlearn.metrics import MetricFrame  # loads pandas: who names no such column does without

    group_of = np.empty(len(column), dtype=object)
    for value, mask in parts_of(column):
        group_of[mask] = value
    frame = MetricFrame(
        metrics=_metrics(outcomes), y_true=outcomes.labels, y_pred=_judged(outcomes), sensitive_features=group_of
    )
    groups = tuple(_group(value, frame.by_group.loc[value], outcomes.take(mask)) for value, mask in parts_of(column))
    gaps = {figure: _gap([g.figures[figure] for g in groups]) for figure in frame.by_group.columns}
    return Fairness(column=name, groups=groups, gaps=gaps)


def _metrics(outcomes: Outcomes) -> dict[str, Callable[..., Any]]:
    from fairlearn.metrics import selection_rate, true_positive_rate

    if outcomes.task == "binary":
        return {"selection_rate": selection_rate, "true_positive_rate": true_positive_rate}
    if outcomes.task == "anomaly":
        return {"selection_rate": lambda _, flagged: flagged.mean()}
    if outcomes.task == "clustering":
        apart = _judged(outcomes).mean() or 1.0
        return {"distance": lambda _, distances: distances.mean() / apart}
    if outcomes.task == "multiclass":
        return {"accuracy": lambda happened, predicted: (happened == predicted).mean()}
    overall = np.abs(outcomes.labels - outcomes.scores).mean() or 1.0
    return {"error": lambda happened, predicted: np.abs(happened - predicted).mean() / overall}


def _judged(outcomes: Outcomes) -> np.ndarray:
    """What groups are compared by: decisions, or of clusters the distance to the nearest."""
    return np.asarray(outcomes.scores.min(axis=1)) if outcomes.task == "clustering" else outcomes.predicted


def _group(value: str, figures: Any, rows: Outcomes) -> Group:
    n, n_positive = len(rows.labels), int((rows.labels == 1.0).sum())

    def known(figure: str) -> bool:
        return (n_positive if figure == "true_positive_rate" else n) >= LEAST_ROWS

    return Group(
        value=value, rows=n, figures={name: float(figures[name]) if known(name) else None for name in figures.index}
    )


def _gap(figures: list[float | None]) -> float:
    """Between the highest and the lowest group, of those that are large enough."""
    known = [figure for figure in figures if figure is not None]
    return max(known) - min(known) if len(known) > 1 else UNKNOWN_GAP
