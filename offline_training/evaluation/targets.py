"""What the domain wants of a model, and whether the tested one gives it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from features.model_file import LOWER_IS_BETTER
from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.selective import Coverage, coverage_at


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that the domain states, and what it is on the tested rows; NaN, and missed, where nothing told it.

    ``coverage`` tells, of an accuracy that is missed, on which share of the rows it holds.
    """

    figure: str
    wanted: float
    value: float
    met: bool
    coverage: Coverage | None = None

    def line(self) -> str:
        """For a reader."""
        verdict = "met" if self.met else "missed"
        where = f"; it holds on the most certain {self.coverage.share:.1%} of the rows" if self.coverage else ""
        found = "not measured" if math.isnan(self.value) else f"{self.value:.4f}"
        bound = "at most" if self.figure in LOWER_IS_BETTER else "at least"
        return f"target {self.figure} {bound} {self.wanted:g} {verdict}: {found}{where}"


def judge_targets(wanted: Mapping[str, float], figures: Mapping[str, float], outcomes: Outcomes) -> tuple[Target, ...]:
    """Each target of a model file against the figures of the tested rows."""
    return tuple(_judge(figure, bound, figures.get(figure, math.nan), outcomes) for figure, bound in wanted.items())


def _judge(figure: str, wanted: float, value: float, outcomes: Outcomes) -> Target:
    met = value <= wanted if figure in LOWER_IS_BETTER else value >= wanted
    missed_accuracy = figure == "accuracy" and not met
    coverage = coverage_at(outcomes, wanted) if missed_accuracy else None
    return Target(figure=figure, wanted=wanted, value=value, met=bool(met), coverage=coverage)
