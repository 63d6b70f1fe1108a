"""Writing a model bundle: every file of it, sealed by the manifest. No pickle."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.approval.documentation import documentation_of
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
from features.model_file import DecisionSpec
from features.plan import Plan
from features.shapley import write_explanation
from offline_training.card import CardFacts, write_card
from offline_training.dataset import Dataset
from offline_training.evaluation import Judgement, figures_of
from offline_training.fitting import Fitted
from offline_training.proof import open_session, raw_scores

REFERENCE_ROWS = 5_000
SCORE = "score"


def write_bundle(folder: Path, facts: CardFacts) -> Bundle:
    """Write a bundle into an empty folder; its manifest is the facts', and is sealed here."""
    manifest, data, fitted, spec = facts.manifest, facts.data, facts.fitted, facts.spec
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(fitted.exported.onnx)
    write_golden(folder / GOLDEN, data.names, fitted.proof.golden, spec.classes)
    _write_reference(folder / REFERENCE, data, fitted, spec.seed)
    write_explanation(folder / EXPLAIN, fitted.exported.explanation, fitted.exported.shares)
    (folder / MODEL_CARD).write_text(write_card(facts), encoding="utf-8")
    return write_manifest(folder, manifest)


def manifest_of(
    model: str, plan: Plan, data: Dataset, fitted: Fitted, judgement: Judgement, *, created_at: datetime
) -> Manifest:
    """What a bundle will say of itself, but for the digests of its files."""
    spec = fitted.spec
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
        classes=spec.classes,
        decision=_decision(spec.decision),
        window=TrainingWindow(
            first_at=data.first_at,
            last_at=data.last_at,
            rows=len(data.whole.labels),
            positives=int(data.whole.labels.sum()) if spec.task == "binary" else None,
            knowledge=data.knowledge,
        ),
        data_fingerprint=data.fingerprint,
        metrics=judgement.metrics | metrics_of(fitted),
        gates={gate.name: gate.value - gate.least for gate in (*fitted.gates, *judgement.gates)},
        documentation=documentation_of(fitted.spec.card),
        code_version=code_version(),
        files={},
    )


def _decision(spec: DecisionSpec | None) -> Decision | None:
    return None if spec is None else Decision(thresholds=(spec.threshold,), names=(spec.negative, spec.positive))


def metrics_of(fitted: Fitted) -> dict[str, float]:
    """Figures of the test rows, by name; those of the linear model begin with ``linear_``."""
    return {
        **figures_of(fitted.test),
        **({} if fitted.linear is None else {f"linear_{name}": v for name, v in figures_of(fitted.linear).items()}),
        **({} if fitted.single_rank is None else {"single_feature_rank": fitted.single_rank}),
        "onnx_max_abs_diff": fitted.proof.max_abs_diff,
    }


def code_version() -> str:
    """Version of this package."""
    try:
        return version("millstream")
    except PackageNotFoundError:
        return "unknown"


def _write_reference(path: Path, data: Dataset, fitted: Fitted, seed: int) -> None:
    """A sample of what the published model was fitted on, with its scores: what drift is measured against.

    Of several classes, the score is that of the class decided on, as a score record has it.
    """
    n = len(data.labels)
    chosen = np.sort(np.random.default_rng(seed).choice(n, size=min(n, REFERENCE_ROWS), replace=False))
    rows = data.rows[chosen]
    raws = raw_scores(open_session(fitted.exported.onnx), rows)
    columns = {name: rows[:, i] for i, name in enumerate(data.names)}
    decided = np.arange(len(raws)), raws.argmax(axis=1)
    columns |= {MODEL_OUTPUT: raws[decided], SCORE: to_scores(fitted.learned.link, raws)[decided]}
    pq.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), path)
