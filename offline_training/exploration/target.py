"""The label as pictures show it: groups of rows that have a name and a colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.head import Task
from features.model_file import ModelSpec

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

MOST_GROUPS = 6
THIRDS = ("lowest third", "middle third", "highest third")
OTHERS = "other"


class Target(NamedTuple):
    """``group_of`` numbers the group of each row; ``groups`` names them.

    A group is a class (the rare ones of many classes together), or a third of the values of a regression.
    """

    task: Task
    n_classes: int
    labels: Doubles
    groups: tuple[str, ...]
    group_of: Codes

    def part(self, rows: Codes) -> Target:
        """The same of some rows."""
        return self._replace(labels=self.labels[rows], group_of=self.group_of[rows])

    @property
    def is_value(self) -> bool:
        """Whether labels are values rather than classes."""
        return self.task == "regression"


def target_of(spec: ModelSpec, labels: Doubles) -> Target:
    """Groups of a model's labels."""
    if spec.task == "regression":
        bounds = np.quantile(labels, (1 / 3, 2 / 3))
        return Target(
            spec.task, spec.n_classes, labels, THIRDS, np.searchsorted(bounds, labels, side="left").astype(np.intp)
        )
    names = spec.class_names
    counts = np.bincount(labels.astype(np.intp), minlength=len(names))
    if len(names) <= MOST_GROUPS:
        return Target(spec.task, spec.n_classes, labels, tuple(names), labels.astype(np.intp))
    shown = np.sort(np.argsort(-counts, kind="stable")[: MOST_GROUPS - 1])
    group = np.full(len(names), len(shown))
    group[shown] = np.arange(len(shown))
    return Target(
        spec.task, spec.n_classes, labels, (*(names[i] for i in shown), OTHERS), group[labels.astype(np.intp)]
    )


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """Features without their view, where that still tells them apart."""
    short = tuple(name.partition(":")[2] or name for name in names)
    return short if len(set(short)) == len(short) else tuple(names)
