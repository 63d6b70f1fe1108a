"""What a comparison of arms says: for programs by its fields, for people by its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from features.routing import Arm
from offline_training.estimate import Estimate


class ReportStruct(msgspec.Struct, frozen=True, kw_only=True):
    """Shape shared by the parts of a report."""


class Quality(ReportStruct, frozen=True, kw_only=True):
    """How good probabilities are; ``roc_auc`` is None where all outcomes are alike."""

    outcome_rate: Estimate
    roc_auc: Estimate | None
    log_loss: Estimate
    brier: Estimate

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"outcome rate {self.outcome_rate}, Brier {self.brier}, log loss {self.log_loss}"
        yield f"ROC AUC {self.roc_auc or 'unknown: all outcomes are alike'}"


class ValuesQuality(ReportStruct, frozen=True, kw_only=True):
    """How good predicted values are; ``bias`` is the mean of score minus outcome.

    What no number can hold is None, and ``r2`` also where all outcomes are alike.
    """

    outcome_mean: Estimate
    rmse: Estimate | None
    mae: Estimate | None
    bias: Estimate | None
    r2: Estimate | None

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"outcome mean {_told(self.outcome_mean)}, bias {_told(self.bias)}"
        yield f"RMSE {_told(self.rmse)}, MAE {_told(self.mae)}, R² {_told(self.r2)}"


class ArmReport(ReportStruct, frozen=True, kw_only=True):
    """One version as one arm: what it scored, and what came of it. ``quality`` is None before the first outcome.

    ``units`` are distinct routing keys; ``outcomes`` are observations of ``labels.sql`` that a score precedes.
    """

    arm: Arm
    version: str
    records: int
    units: int
    outcomes: int
    quality: Quality | ValuesQuality | None

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.arm} {self.version}: {self.records:,} records of {self.units:,}, {self.outcomes:,} outcomes"
        if self.quality is not None:
            yield from _under(self.quality.lines())


class Lift(ReportStruct, frozen=True, kw_only=True):
    """Challenger's outcomes against champion's, by their rates or means.

    All of it holds at whatever moment it is looked at.
    """

    confidence: float
    difference: Estimate
    relative: Estimate | None
    p_value: float


class Contest(ReportStruct, frozen=True, kw_only=True):
    """Champion against challenger: each routing key counts once, for the arm that it began with.

    ``units`` are keys whose first outcome is known, by arm.
    """

    champion: str
    challenger: str
    since: datetime
    units: dict[Arm, int]

    def _heading(self, difference: str) -> str:
        counted = ", ".join(f"{arm} {n:,}" for arm, n in self.units.items())
        return f"lift since {self.since:%Y-%m-%d %H:%M}: {difference} ({counted})"


class Experiment(Contest, frozen=True, kw_only=True):
    """By rates. ``positives`` are keys whose first outcome is 1, by arm."""

    positives: dict[Arm, int]
    lift: Lift

    def lines(self) -> Iterator[str]:
        """For people."""
        yield self._heading(str(self.lift.difference))
        yield f"  relative {self.lift.relative or 'unknown'}, always-valid p {self.lift.p_value:.4g}"


class ValuesExperiment(Contest, frozen=True, kw_only=True):
    """By means, None of no key. ``lift`` is None before both arms have as many units as are ``needed``.

    That is told by the skewness of the outcomes so far, of the arm where it is greater; None of one whose outcomes are
    all alike.
    """

    outcome_means: dict[Arm, float | None]
    needed: dict[Arm, int | None]
    lift: Lift | None

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.lift is None:
            yield self._heading("unknown yet")
            yield "  needed: " + ", ".join(f"{arm} {_wanted(n)}" for arm, n in self.needed.items())
            return
        yield self._heading(_told(self.lift.difference))
        relative = f"{self.lift.relative}" if self.lift.relative else "unknown"
        yield f"  relative {relative}, always-valid p {self.lift.p_value:.4g}"


class Shadowing(ReportStruct, frozen=True, kw_only=True):
    """The shadow against whoever answered, on the same requests. ``outcomes`` counts routing keys, each once."""

    version: str
    pairs: int
    mean_score_difference: float | None
    mean_absolute_difference: float | None
    outcomes: int


class ShadowReport(Shadowing, frozen=True, kw_only=True):
    """By probabilities and decisions: ``agreement`` is the share of equal ones.

    ``brier_difference`` is the shadow's squared error minus the answer's (less is better), and holds at whatever moment
    it is looked at.
    """

    agreement: float | None
    brier_difference: Estimate | None

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.pairs:
            yield f"shadow {self.version}: decides alike in {self.agreement:.2%} of {self.pairs:,} requests"
            yield f"  Brier difference {self.brier_difference or 'unknown yet'} ({self.outcomes:,} outcomes)"


class ValuesShadowReport(Shadowing, frozen=True, kw_only=True):
    """By values. ``squared_error_difference`` is as of probabilities, but None before there are ``needed`` outcomes.

    That is told by the skewness of the differences so far; None where they are all alike, or beyond what numbers hold.
    """

    needed: int | None
    squared_error_difference: Estimate | None

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.pairs:
            differs = "unknown" if self.mean_absolute_difference is None else f"{self.mean_absolute_difference:.5g}"
            yield f"shadow {self.version}: differs by {differs} on average in {self.pairs:,} requests"
            wanted = "" if self.needed is None else f", needed: {_wanted(self.needed)}"
            known = self.squared_error_difference
            told = _told(known) if known else f"unknown yet{wanted}"
            yield f"  squared error difference {told} ({self.outcomes:,} outcomes)"


class ComparisonReport(ReportStruct, frozen=True, kw_only=True):
    """Everything about one model; ``skipped`` counts records that name no entity of the model."""

    model: str
    lake_end: datetime
    within_s: float
    arms: tuple[ArmReport, ...]
    experiment: Experiment | ValuesExperiment | None
    shadow: ShadowReport | ValuesShadowReport | None
    skipped: int = 0

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.model}, outcomes up to {self.lake_end:%Y-%m-%d %H:%M} UTC"
        if not self.arms:
            yield f"  no score to compare ({self.skipped:,} records name no entity of the model)"
        for part in (*self.arms, self.experiment, self.shadow):
            if part is not None:
                yield from _under(part.lines())


def _under(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _told(estimate: Estimate | None) -> str:
    """Of values, which may be of any size."""
    return "unknown" if estimate is None else f"{estimate:.5g}"


def _wanted(units: int | None) -> str:
    return "outcomes that differ" if units is None else f"{units:,} outcomes"
