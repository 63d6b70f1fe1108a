"""How a model's algorithm and parameters are found, how its rows count, and what makes a probability of its score."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from features.errors import DomainError
from features.head import Task
from features.model_file.struct import ModelStruct

CalibrationMethod: TypeAlias = Literal["platt", "isotonic"]

ClassWeights: TypeAlias = Literal["none", "balanced"] | dict[str, float]
"""All rows alike, all classes alike, or what a row of each class counts."""


class SearchSpec(ModelStruct, frozen=True, kw_only=True):
    """A search over algorithms and their parameters, measured on the later rows of folds by time.

    It ends after so many ``trials``, or when ``time_budget_minutes`` are used up. ``algorithms`` are all of the task
    where none is named. Either part of a fold has at most ``max_rows``, drawn by the seed. ``metric`` is the task's
    first where it is None. ``in_flight`` is how many trials may run at once, and so how many the next one does not
    know yet: the same number gives the same model on any number of cores.
    """

    algorithms: tuple[str, ...] = ()
    trials: int = 40
    time_budget_minutes: float | None = None
    folds: int = 3
    max_rows: int = 20_000
    metric: str | None = None
    in_flight: int = 4


def check_search(where: str, spec: SearchSpec) -> None:
    """Refuse budgets that leave nothing to search."""
    for name in ("trials", "folds", "max_rows", "in_flight"):
        if getattr(spec, name) < 1:
            raise DomainError(f"{where}.{name}", "is less than one", "say one or more, or leave the search out")
    minutes = spec.time_budget_minutes
    if minutes is not None and not 0 < minutes < math.inf:
        raise DomainError(f"{where}.time_budget_minutes", "is no length of time", "say how many minutes it may take")
    if len(set(spec.algorithms)) != len(spec.algorithms):
        raise DomainError(f"{where}.algorithms", "names one twice", "name each once")


def check_class_weights(where: str, weights: ClassWeights, classes: Sequence[str]) -> None:
    """Refuse weights of a task without classes, or that do not name each class once with what it counts."""
    if weights == "none":
        return
    if not classes:
        raise DomainError(where, "is set, but there are no classes", "leave it out")
    if isinstance(weights, dict):
        if set(weights) != set(classes):
            raise DomainError(where, f"names {sorted(weights)}", f"name each of {sorted(classes)}")
        if not all(0 < weight < math.inf for weight in weights.values()):
            raise DomainError(where, "holds a weight that is not above zero", "say what a row of each class counts")


def check_calibration(where: str, method: CalibrationMethod | None, task: Task) -> None:
    """Refuse it where there is no probability of one outcome."""
    if method is not None and task != "binary":
        raise DomainError(where, f"is not for a {task} model", "leave it out")
