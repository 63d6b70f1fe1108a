"""A model for benches and fault runs: trained on labels that were made up, published as model sync would.

By policy: its bundle passes the automatic checks, against a bound that made-up labels can be asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.approval.rules import Rules
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
from features.golden import GoldenRows, write_golden
from features.head import Decision
from features.model_file import ChecksSpec, DecisionSpec, ModelSpec
from features.plan import Plan
from features.shapley import write_explanation
from features.vector import MissingPolicy
from grpc_api.pointer import Pointer, models_dir, pointer_file, write_pointer

if TYPE_CHECKING:
    from offline_training.learners.lightgbm_learner import LearnedLightGbm

FIRST_VERSION: Final = "1"
LEAVES: Final = 31
N_GOLDEN: Final = 100
DOCUMENTATION: Final = {
    "description": "Made up for a bench or a fault run.",
    "limitations": "Its labels are drawn at random around a line.",
    "ethics": "It is asked about nobody.",
}


class _Made(NamedTuple):
    """A model, the rows that it was fitted on, and how often it is right about them."""

    learned: LearnedLightGbm
    rows: np.ndarray
    accuracy: float


def publish_made_up_model(
    state_dir: Path, plan: Plan, service: str, rows: np.ndarray, generator: np.random.Generator, *, trees: int
) -> str:
    """Train on vectors of a service, and point scorers of the state folder at the bundle; the model is named alike.

    Returns it as LightGBM writes it.
    """
    models, made = models_dir(state_dir), _fit(rows, generator, trees)
    write_pointer(pointer_file(models, service), _write(models, plan, service, made, FIRST_VERSION))
    text: str = made.learned.booster.model_to_string()
    return text


def make_made_up_model(
    models: Path,
    plan: Plan,
    service: str,
    rows: np.ndarray,
    generator: np.random.Generator,
    *,
    version: str,
    trees: int,
) -> Pointer:
    """Train on vectors of a service, and write the bundle where scorers look for this version; a pointer to it."""
    return _write(models, plan, service, _fit(rows, generator, trees), version)


def require_sound(bundle: Bundle) -> None:
    """Hold a bundle against the policy of a made-up model, as model sync does before it points at one."""
    manifest = bundle.manifest
    spec = ModelSpec(
        service=manifest.service,
        horizon="1d",
        baseline_feature=manifest.features[0],
        decision=DecisionSpec(positive="yes", negative="no"),
        approval="policy",
        checks=ChecksSpec(min_accuracy=0.5),
    )
    Rules(manifest.project, manifest.model, spec, {}).require_sound(bundle)


def _fit(rows: np.ndarray, generator: np.random.Generator, trees: int) -> _Made:
    """A model on labels that were made up."""
    from offline_training.learners import Sample
    from offline_training.learners.lightgbm_learner import LightGbm

    noise = generator.normal(size=rows.shape)
    raw = ((rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1.0) + noise) @ generator.normal(size=rows.shape[1])
    params = {"num_leaves": LEAVES, "min_data_in_leaf": 2, "learning_rate": 0.05, "num_iterations": trees}
    labels = (raw > 0).astype(np.float64)
    learned = LightGbm().fit(Sample(rows, labels, "binary", 2), params, seed=0)
    return _Made(learned, rows, float(((learned.raw(rows)[:, 0] > 0) == labels).mean()))


def _write(models: Path, plan: Plan, service: str, made: _Made, version: str) -> Pointer:
    """The bundle of a model, and a pointer to it."""
    folder, rows, names = models / service / version, made.rows, plan.service(service).feature_names
    folder.mkdir(parents=True)
    exported, raws = made.learned.export(), made.learned.raw(rows[:N_GOLDEN])
    (folder / MODEL).write_bytes(exported.onnx)
    write_explanation(folder / EXPLAIN, exported.explanation)
    write_golden(folder / GOLDEN, names, GoldenRows(rows[:N_GOLDEN], raws))
    sample = {name: rows[:N_GOLDEN, column] for column, name in enumerate(names)} | {MODEL_OUTPUT: raws[:, 0]}
    pq.write_table(pa.table({name: pa.array(values) for name, values in sample.items()}), folder / REFERENCE)
    (folder / MODEL_CARD).write_text("\n\n".join(DOCUMENTATION.values()))
    bundle = _seal(folder, plan, service, made)
    require_sound(bundle)
    return Pointer(model=service, version=version, path=version, digest=bundle.digest)


def _seal(folder: Path, plan: Plan, service: str, made: _Made) -> Bundle:
    """Write the manifest."""
    made_at, n_rows = datetime.now(UTC), len(made.rows)
    return write_manifest(
        folder,
        Manifest(
            model=service,
            task="binary",
            project=plan.project,
            service=service,
            created_at=made_at,
            plan_hash=plan.hash,
            view_hashes={view.name: view.hash for view in plan.views},
            transforms_sha256=plan.transforms_sha256,
            features=plan.service(service).feature_names,
            missing=MissingPolicy(),
            decision=Decision(thresholds=(0.5,), names=("no", "yes")),
            window=TrainingWindow(first_at=made_at, last_at=made_at, rows=n_rows, positives=n_rows // 2),
            data_fingerprint="made up",
            metrics={"accuracy": made.accuracy},
            gates={},
            documentation=DOCUMENTATION,
            code_version="bench",
            files={},
        ),
    )
