"""What ``model.yaml`` says of how a model is judged: targets, thresholds, segments, groups."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from collections.abc import Mapping
from typing import Final

from features.errors import DomainError
from features.head import Task
from features.model_file.struct import ModelStruct

_PROBABILITIES: Final = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier", "log_loss")
TARGETS: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": (*_PROBABILITIES, "average_precision", "positive_precision", "positive_recall"),
    "multiclass": _PROBABILITIES,
    "regression": ("mae", "rmse", "r2"),
    "clustering": ("distance", "inertia", "simplified_silhouette"),
    "anomaly": ("flagged", "roc_auc", "average_precision"),
}
"""Figures that may be wanted of a model, by task."""

LOWER_IS_BETTER: Final = frozenset({"brier", "distance", "flagged", "inertia", "log_loss", "mae", "rmse"})
"""Figures that a target bounds from above."""

_WISHES: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("cost", "precision", "recall"),
    "anomaly": ("contamination",),
}
"""How a threshold may be chosen, by task."""


class CostSpec(ModelStruct, frozen=True, kw_only=True):
    """What one wrong decision costs, in any unit, by its kind."""

    false_positive: float
    false_negative: float

    def __str__(self) -> str:
        return f"a false positive costs {self.false_positive:g}, a false negative {self.false_negative:g}"


class ThresholdSpec(ModelStruct, frozen=True, kw_only=True):
    """Where a decision is to turn; one of the four.

    At the least ``cost``; or at the lowest threshold with this ``precision``, or the highest with this ``recall``, of
    the positive decision. Of an anomaly model: where this share of the rows that it learned from is at or above it, its
    ``contamination``.
    """

    cost: CostSpec | None = None
    precision: float | None = None
    recall: float | None = None
    contamination: float | None = None

    def __str__(self) -> str:
        if self.cost is not None:
            return f"the least cost, where {self.cost}"
        if self.contamination is not None:
            return f"a contamination of {self.contamination:g}"
        return f"a precision of {self.precision:g}" if self.precision is not None else f"a recall of {self.recall:g}"


class EvaluationSpec(ModelStruct, frozen=True, kw_only=True):
    """How the tested rows are looked at.

    ``segments`` names inputs (``view:feature``) and columns of the labels' SQL by which figures are told apart. A
    ``threshold`` is chosen on rows before the tested ones, and takes the place of ``decision.threshold``.
    """

    segments: tuple[str, ...] = ()
    threshold: ThresholdSpec | None = None


class FairnessSpec(ModelStruct, frozen=True, kw_only=True):
    """Groups that a model must treat alike.

    ``columns`` are those of the labels' SQL that hold the groups; no feature may be computed from a column of such a
    name. Where ``max_gap`` is stated, a wider gap between groups fails the gate.
    """

    columns: tuple[str, ...] = ()
    max_gap: float | None = None


def check_judging(
    where: str, task: Task, targets: Mapping[str, float], evaluation: EvaluationSpec, fairness: FairnessSpec
) -> None:
    """Refuse what cannot be wanted of a model of this task.

    Parameters
    ----------
    where
        The model's place in the file.
    task, targets, evaluation, fairness
        As the file has them.

    Raises
    ------
    DomainError
        A figure that is not measured, a threshold that is none or several, a share that is none, a name twice.

    """
    for figure in targets:
        if figure not in TARGETS[task]:
            known = ", ".join(TARGETS[task])
            raise DomainError(f"{where}.targets.{figure}", f"is not measured of a {task} model", f"name of {known}")
    _check_threshold(f"{where}.evaluation.threshold", task, evaluation.threshold)
    for key, names in (("evaluation.segments", evaluation.segments), ("fairness.columns", fairness.columns)):
        if len(set(names)) != len(names):
            raise DomainError(f"{where}.{key}", "names a column twice", "name each once")
    for name in fairness.columns:
        if ":" in name:
            raise DomainError(
                f"{where}.fairness.columns", f"{name} is an input", "name a column of the labels' SQL: it is no input"
            )
    if fairness.max_gap is not None and not (fairness.columns and 0 <= fairness.max_gap < 1):
        raise DomainError(
            f"{where}.fairness.max_gap", "bounds nothing", "state a share below 1, and the columns of the groups"
        )


def _check_threshold(where: str, task: Task, threshold: ThresholdSpec | None) -> None:
    if threshold is None:
        return
    wishes = _WISHES.get(task)
    if wishes is None:
        raise DomainError(where, f"a {task} model has none", "leave it out")
    stated = [name for name in threshold.__struct_fields__ if getattr(threshold, name) is not None]
    if len(stated) != 1 or stated[0] not in wishes:
        problem = f"states {', '.join(stated) or 'no wish'}"
        raise DomainError(where, problem, f"state one of {', '.join(wishes)}")
    for key in ("precision", "recall", "contamination"):
        share = getattr(threshold, key)
        if share is not None and not 0 < share <= 1:
            raise DomainError(f"{where}.{key}", "is no share", "write a number above 0, at most 1")
    cost = threshold.cost
    if cost is not None and not (cost.false_positive > 0 and cost.false_negative > 0):
        raise DomainError(f"{where}.cost", "has a mistake that costs nothing", "state costs above 0")
