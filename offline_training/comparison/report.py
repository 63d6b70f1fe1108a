"""What a comparison of arms says: for programs by its fields, for people by its lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from features.routing import Arm
from offline_training.estimate import Estimate


class ReportStruct(msgspec.Struct, frozen=True, kw_only=True):
    """Shape shared by the parts of a report."""


class Quality(ReportStruct, frozen=True, kw_only=True):
    """How good scores are; ``roc_auc`` is None where all outcomes are alike."""

    outcome_rate: Estimate
    roc_auc: Estimate | None
    log_loss: Estimate
    brier: Estimate


class ArmReport(ReportStruct, frozen=True, kw_only=True):
    """One version as one arm: what it scored, and what came of it. ``quality`` is None before the first outcome.

    ``units`` are distinct routing keys; ``outcomes`` are observations of ``labels.sql`` that a score precedes.
    """

    arm: Arm
    version: str
    records: int
    units: int
    outcomes: int
    quality: Quality | None


class Lift(ReportStruct, frozen=True, kw_only=True):
    """Challenger's outcome rate against champion's; all of it holds at whatever moment it is looked at."""

    confidence: float
    difference: Estimate
    relative: Estimate | None
    p_value: float


class Experiment(ReportStruct, frozen=True, kw_only=True):
    """Champion against challenger: each routing key counts once, for the arm that it began with.

    ``units`` and ``positives`` are by arm: keys whose first outcome is known, and those where it is 1.
    """

    champion: str
    challenger: str
    since: datetime
    units: dict[Arm, int]
    positives: dict[Arm, int]
    lift: Lift


class ShadowReport(ReportStruct, frozen=True, kw_only=True):
    """The shadow against whoever answered, on the same requests.

    ``agreement`` is the share of equal decisions. ``outcomes`` counts routing keys, each once; ``brier_difference`` is
    the shadow's squared error minus the answer's (less is better), and holds at whatever moment it is looked at.
    """

    version: str
    pairs: int
    agreement: float | None
    mean_score_difference: float | None
    mean_absolute_difference: float | None
    outcomes: int
    brier_difference: Estimate | None


class ComparisonReport(ReportStruct, frozen=True, kw_only=True):
    """Everything about one model; ``skipped`` counts records that name no entity of the model."""

    model: str
    lake_end: datetime
    within_s: float
    arms: tuple[ArmReport, ...]
    experiment: Experiment | None
    shadow: ShadowReport | None
    skipped: int = 0

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.model}, outcomes up to {self.lake_end:%Y-%m-%d %H:%M} UTC"
        for arm in self.arms:
            yield f"  {arm.arm} {arm.version}: {arm.records:,} records of {arm.units:,}, {arm.outcomes:,} outcomes"
            if arm.quality is not None:
                quality = arm.quality
                yield f"    outcome rate {quality.outcome_rate}, Brier {quality.brier}, log loss {quality.log_loss}"
                yield f"    ROC AUC {quality.roc_auc or 'unknown: all outcomes are alike'}"
        if self.experiment is not None:
            lift = self.experiment.lift
            counted = ", ".join(f"{arm} {n:,}" for arm, n in self.experiment.units.items())
            yield f"  lift since {self.experiment.since:%Y-%m-%d %H:%M}: {lift.difference} ({counted})"
            yield f"    relative {lift.relative or 'unknown'}, always-valid p {lift.p_value:.4g}"
        if self.shadow is not None and self.shadow.pairs:
            shadow = self.shadow
            yield f"  shadow {shadow.version}: decides alike in {shadow.agreement:.2%} of {shadow.pairs:,} requests"
            yield f"    Brier difference {shadow.brier_difference or 'unknown yet'} ({shadow.outcomes:,} outcomes)"
