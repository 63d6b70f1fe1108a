"""What one training did, for the account that is printed and the files that are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from features.approval.checks import Check
from features.approval.stages import Stage
from features.nouns import Provenance
from features.routing import Arm
from offline_training.evaluation import (
    AnomaliesEvaluation,
    AnyEvaluation,
    ClassesEvaluation,
    ClustersEvaluation,
    Evaluation,
    Target,
    figures_of,
)
from offline_training.gates import Gate
from offline_training.proof import closeness
from offline_training.search.outcome import SearchSummary
from offline_training.served.tally import ServedTally

_AS: Final[Mapping[Provenance, str]] = {"as_true": "", "as_known": " as known", "as_served": " as served"}

TARGET_MISSED = 5
"""Exit code of a training whose model passes every check and misses a target."""


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True):
    """One training, from the lake to the registry.

    ``rows`` and ``positives`` are of the part that the tested model was fitted on, from ``first_at`` to ``last_at``
    (None where they have no instants); ``refit_rows`` of all that the published one was fitted on. ``version`` is the
    registry's, ``stage`` where that is now, and ``promoted`` whether it serves as ``arm``.
    ``positives`` are None where labels are classes or values; ``single_rank`` is what gates compare, of one feature.
    ``served`` tells of the score records that the rows were chosen from.
    Without labels neither that nor ``linear`` is there.
    ``threshold`` is where a binary decision is positive; ``reports`` is the folder of pictures, figures and model card.
    """

    model: str
    version: str
    run_id: str
    digest: str
    plan_hash: str
    knowledge: Provenance
    stage: Stage
    checks: tuple[Check, ...]
    promoted: bool
    arm: Arm
    rows: int
    positives: int | None
    first_at: datetime | None
    last_at: datetime | None
    test_at: datetime | None
    test: AnyEvaluation
    ranked_by: str
    linear: AnyEvaluation | None
    linear_algorithm: str
    single_feature: str
    single_rank: float | None
    threshold: float | None
    gates: tuple[Gate, ...]
    targets: tuple[Target, ...]
    reports: str
    algorithm: str
    params: dict[str, bool | int | float | str]
    search: SearchSummary | None
    refit_rows: int
    refit_positives: int | None
    served: ServedTally | None
    refused_rows: int
    cut_off_rows: int
    onnx_max_abs_diff: float
    proven_rows: int
    data_fingerprint: str
    data_quality: str
    seconds: dict[str, float]

    @property
    def exit_code(self) -> int:
        """Of `train`: 1 where a check did not pass, `TARGET_MISSED` where all did and a target is missed."""
        if self.stage == "failed_validation":
            return 1
        return 0 if all(target.met for target in self.targets) else TARGET_MISSED

    def summary(self) -> dict[str, dict[str, Any]]:
        """The parts ``training`` and ``model`` of the demo's ``summary.json``; null is what the task does not have."""
        figures = figures_of(self.test)
        return {
            "training": {
                "rows": self.rows,
                "positives": self.positives,
                **{name: figures.get(name) for name in ("roc_auc", "accuracy", "brier")},
                "baseline_roc_auc": None if self.linear is None else figures_of(self.linear).get("roc_auc"),
                "recency_roc_auc": self.single_rank if "roc_auc" in figures else None,
                "test_date": None if self.test_at is None else self.test_at.date().isoformat(),
            },
            "model": {
                "name": self.model,
                "version": self.version,
                "onnx_max_abs_diff": self.onnx_max_abs_diff,
                "plan_hash": self.plan_hash,
            },
        }

    def lines(self) -> list[str]:
        """The same for a reader."""
        failed = [gate for gate in self.gates if not gate.passed]
        labelled = "" if self.linear is None else "labelled "
        return [
            f"{self.model} version {self.version}: {self._verdict()}",
            f"  trained on {self.rows:,} observations{self._span()}",
            f"  {self.data_quality}",
            f"  {self.ranked_by} {self.test.rank:.4f}{self._baselines()}",
            f"  {_others(self.test)}",
            *([f"  {self.search.line()}"] if self.search is not None else []),
            f"  refitted on all {self.refit_rows:,} {labelled}observations by {self.algorithm}",
            *([f"  {line}" for line in self.served.lines()] if self.served is not None else []),
            *(
                [f"  {self.cut_off_rows:,} observations left out: they look back on records that the lake has dropped"]
                if self.cut_off_rows
                else []
            ),
            f"  ONNX equals {self.algorithm} {closeness(self.onnx_max_abs_diff)} on {self.proven_rows:,} rows",
            *(f"  gate {gate.name} not passed: {gate.value:.4f} is below {gate.least:.4f}" for gate in failed),
            *(f"  {target.line()}" for target in self.targets),
            f"  reports: {self.reports}",
            *(f"  check {check}" for check in self.checks if not check.passed and check.name != "gates"),
        ]

    def _span(self) -> str:
        """Of when rows are, and what they are tested on."""
        if self.first_at is None or self.last_at is None or self.test_at is None:
            return f", tested on {self.test.rows:,} others, drawn by lot"
        days = f"from {self.first_at:%Y-%m-%d} to {self.last_at:%Y-%m-%d}"
        return f"{_AS[self.knowledge]} {days}, tested on {self.test.rows:,} of {self.test_at:%Y-%m-%d}"

    def _baselines(self) -> str:
        if self.linear is None or self.single_rank is None:
            return ""
        linear = f"{self.linear_algorithm.replace('_', ' ')} {self.linear.rank:.4f}"
        return f" ({linear}, {self.single_feature} alone {self.single_rank:.4f})"

    def _verdict(self) -> str:
        if self.promoted:
            return f"published as {self.arm}"
        if self.stage == "pending_review":
            return f"waits for review: millstream models approve {self.model} {self.version}"
        return f"registered as {self.stage}, not promoted"


def _others(test: AnyEvaluation) -> str:
    """Figures of the test rows beside the one that is compared."""
    if isinstance(test, Evaluation | ClassesEvaluation):
        brier = f"Brier {test.brier:.4f}, " if isinstance(test, Evaluation) else ""
        return (
            f"accuracy {test.accuracy:.4f} (always the commoner outcome {test.majority_accuracy:.4f}), "
            f"{brier}log loss {test.log_loss:.4f}"
        )
    if isinstance(test, ClustersEvaluation):
        beside = "" if test.adjusted_rand is None else f", adjusted Rand index with the labels {test.adjusted_rand:.4f}"
        return f"inertia a row {test.inertia:.4g}, stability over resamples {test.stability:.4f}{beside}"
    if isinstance(test, AnomaliesEvaluation):
        beside = "" if test.roc_auc is None else f", ROC AUC with the labels {test.roc_auc:.4f}"
        return f"flagged {test.flagged:.2%}{beside}"
    return f"mean absolute error {test.mae:.4g}, root of the mean squared error {test.rmse:.4g}"
