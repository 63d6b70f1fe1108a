"""Small problems to search, and learners that take no time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.head import Link, Task
from features.model_file import PreparationSpec
from offline_training.folds import expanding_folds
from offline_training.learners import Exported, Learner, Params, Sample, Trial, Validation
from offline_training.search.problem import Candidate, Problem

DAY_US = 86_400_000_000
STEPS = 61


def small_problem(**change: Any) -> Problem:
    """Thirty days of a signal with noise, three folds."""
    generator = np.random.default_rng(0)
    n_days, a_day = 30, 30
    rows = generator.normal(size=(n_days * a_day, 3))
    labels = (rows[:, 0] + generator.normal(size=len(rows)) > 0).astype(np.float64)
    at_us = np.repeat(np.arange(n_days) * DAY_US, a_day)
    problem = Problem(
        rows=rows,
        labels=labels,
        names=("strong", "weak", "noise"),
        preparation=PreparationSpec(),
        weights=None,
        folds=expanding_folds(at_us, 3, gap_us=DAY_US, span_us=4 * DAY_US),
        task="binary",
        n_classes=2,
        metric="log_loss",
        algorithms=("slope",),
        given=Candidate("slope", {"slope": 0.1}),
        in_flight=1,
        seed=3,
    )
    return problem._replace(**change)


@dataclass(frozen=True)
class Sloped:
    """Log-odds that are one feature times a slope."""

    learner: str
    params: Params
    feature: int

    @property
    def link(self) -> Link:
        return "sigmoid"

    @property
    def importance(self) -> np.ndarray:
        return np.eye(3)[self.feature]

    def raw(self, rows: np.ndarray) -> np.ndarray:
        return rows[:, [self.feature]] * float(self.params["slope"])

    def export(self) -> Exported:
        raise NotImplementedError


@dataclass
class SlopeLearner:
    """Takes the slope that it is told, and reports as many losses as a fit of so many steps."""

    name: str
    feature: int = 0
    library: str = "numpy"
    tasks: frozenset[Task] = frozenset({"binary"})
    fits: int = 0

    def check(self, params: Params) -> None:
        """Takes all."""

    def space(self, trial: Trial, task: Task) -> Params:
        return {"slope": trial.suggest_float("slope", 0.01, 10.0, log=True)}

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> Sloped:
        self.fits += 1
        if validation is not None:
            for step in range(STEPS):
                validation.report(step, abs(float(np.log(params["slope"]))) - step / STEPS)
        return Sloped(self.name, params, self.feature)


def learners(*names: str) -> Mapping[str, Learner]:
    """The first knows the signal, the others noise."""
    return {name: SlopeLearner(name, feature=min(number, 2)) for number, name in enumerate(names or ("slope",))}
