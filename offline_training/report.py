"""What one training did, for the account that is printed and the files that are written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from features.nouns import Knowledge
from features.routing import Arm
from offline_training.evaluation import Evaluation
from offline_training.gates import Gate
from offline_training.proof import closeness


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True):
    """One training, from the lake to the registry.

    ``rows`` and ``positives`` are of the part that the tested model was fitted on, from ``first_at`` to
    ``last_at``; ``refit_rows`` of all that the published one was fitted on. ``version`` is the registry's.
    """

    model: str
    version: str
    run_id: str
    digest: str
    plan_hash: str
    knowledge: Knowledge
    promoted: bool
    arm: Arm
    rows: int
    positives: int
    first_at: datetime
    last_at: datetime
    test_at: datetime
    test: Evaluation
    logistic: Evaluation
    single_feature: str
    single_feature_roc_auc: float
    gates: tuple[Gate, ...]
    algorithm: str
    params: dict[str, bool | int | float | str]
    refit_rows: int
    refit_positives: int
    refused_rows: int
    cut_off_rows: int
    onnx_max_abs_diff: float
    proven_rows: int
    data_fingerprint: str
    seconds: dict[str, float]

    def summary(self) -> dict[str, dict[str, Any]]:
        """The parts ``training`` and ``model`` of the demo's ``summary.json``."""
        return {
            "training": {
                "rows": self.rows,
                "positives": self.positives,
                "roc_auc": self.test.roc_auc,
                "accuracy": self.test.accuracy,
                "brier": self.test.brier,
                "baseline_roc_auc": self.logistic.roc_auc,
                "recency_roc_auc": self.single_feature_roc_auc,
                "test_date": self.test_at.date().isoformat(),
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
        verdict = f"published as {self.arm}" if self.promoted else "registered, not promoted"
        return [
            f"{self.model} version {self.version}: {verdict}",
            f"  trained on {self.rows:,} observations{' as known' if self.knowledge == 'as_known' else ''} from "
            f"{self.first_at:%Y-%m-%d} to {self.last_at:%Y-%m-%d}, "
            f"tested on {self.test.rows:,} of {self.test_at:%Y-%m-%d}",
            f"  ROC AUC {self.test.roc_auc:.4f} (logistic regression {self.logistic.roc_auc:.4f}, "
            f"{self.single_feature} alone {self.single_feature_roc_auc:.4f})",
            f"  accuracy {self.test.accuracy:.4f} (always the commoner outcome {self.test.majority_accuracy:.4f}), "
            f"Brier {self.test.brier:.4f}, log loss {self.test.log_loss:.4f}",
            f"  refitted on all {self.refit_rows:,} labelled observations by {self.algorithm}",
            *(
                [f"  {self.cut_off_rows:,} observations left out: they look back on records that the lake has dropped"]
                if self.cut_off_rows
                else []
            ),
            f"  ONNX equals {self.algorithm} {closeness(self.onnx_max_abs_diff)} on {self.proven_rows:,} rows",
            *(f"  gate {gate.name} not passed: {gate.value:.4f} is below {gate.least:.4f}" for gate in failed),
        ]
