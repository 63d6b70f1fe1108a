"""Writing a model bundle: every file of it, sealed by the manifest. No pickle."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.bundle import (
    EXPLAIN,
    GOLDEN,
    MODEL,
    MODEL_CARD,
    MODEL_OUTPUT,
    REFERENCE,
    Bundle,
    Manifest,
    TrainingWindow,
    write_manifest,
)
from features.golden import write_golden
from features.head import Decision, to_scores
from features.model_file import ModelSpec
from features.plan import Plan
from features.shapley import write_explanation
from offline_training.dataset import Dataset
from offline_training.fitting import Fitted
from offline_training.model_card import write_card
from offline_training.proof import open_session, raw_scores

REFERENCE_ROWS = 5_000
SCORE = "score"


def write_bundle(
    folder: Path, model: str, plan: Plan, spec: ModelSpec, data: Dataset, fitted: Fitted, *, created_at: datetime
) -> Bundle:
    """Write a bundle into an empty folder."""
    manifest = _manifest(model, plan, spec, data, fitted, created_at)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(fitted.exported.onnx)
    write_golden(folder / GOLDEN, data.names, fitted.proof.golden)
    _write_reference(folder / REFERENCE, data, fitted, spec.seed)
    write_explanation(folder / EXPLAIN, fitted.exported.explanation)
    (folder / MODEL_CARD).write_text(write_card(manifest, plan, spec, data, fitted), encoding="utf-8")
    return write_manifest(folder, manifest)


def _manifest(model: str, plan: Plan, spec: ModelSpec, data: Dataset, fitted: Fitted, created_at: datetime) -> Manifest:
    return Manifest(
        model=model,
        task=spec.task,
        link=fitted.learned.link,
        project=plan.project,
        service=spec.service,
        created_at=created_at,
        plan_hash=plan.hash,
        view_hashes={view.name: view.hash for view in plan.views_of_service(spec.service)},
        transforms_sha256=plan.transforms_sha256,
        features=data.names,
        missing=spec.missing,
        decision=Decision(
            thresholds=(spec.decision.threshold,), names=(spec.decision.negative, spec.decision.positive)
        ),
        window=TrainingWindow(
            first_at=instant(data.at_us.min()),
            last_at=instant(data.at_us.max()),
            rows=len(data.labels),
            positives=int(data.labels.sum()),
            knowledge=data.knowledge,
        ),
        data_fingerprint=data.fingerprint,
        metrics=metrics_of(fitted),
        code_version=code_version(),
        files={},
    )


def metrics_of(fitted: Fitted) -> dict[str, float]:
    """Figures of the test rows, by name."""
    test, logistic = fitted.test, fitted.logistic
    return {
        "roc_auc": test.roc_auc,
        "average_precision": test.average_precision,
        "accuracy": test.accuracy,
        "majority_accuracy": test.majority_accuracy,
        "brier": test.brier,
        "log_loss": test.log_loss,
        "logistic_roc_auc": logistic.roc_auc,
        "logistic_accuracy": logistic.accuracy,
        "logistic_brier": logistic.brier,
        "logistic_log_loss": logistic.log_loss,
        "single_feature_roc_auc": fitted.single_feature_roc_auc,
        "onnx_max_abs_diff": fitted.proof.max_abs_diff,
    }


def instant(at_us: int) -> datetime:
    """Microseconds as an aware instant."""
    return datetime.fromtimestamp(int(at_us) / 1e6, UTC)


def code_version() -> str:
    """Version of this package."""
    try:
        return version("millstream")
    except PackageNotFoundError:
        return "unknown"


def _write_reference(path: Path, data: Dataset, fitted: Fitted, seed: int) -> None:
    """A sample of what the published model was fitted on, with its scores: what drift is measured against."""
    n = len(data.labels)
    chosen = np.sort(np.random.default_rng(seed).choice(n, size=min(n, REFERENCE_ROWS), replace=False))
    rows = data.rows[chosen]
    raws = raw_scores(open_session(fitted.exported.onnx), rows)
    columns = {name: rows[:, i] for i, name in enumerate(data.names)}
    columns |= {MODEL_OUTPUT: raws[:, 0], SCORE: to_scores(fitted.learned.link, raws)[:, 0]}
    pq.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), path)
