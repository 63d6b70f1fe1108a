"""A model for benches and fault runs: trained on labels that were made up, published as model sync would."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from features.bundle import (
    EXPLAIN,
    GOLDEN,
    MODEL,
    MODEL_CARD,
    REFERENCE,
    Bundle,
    Manifest,
    TrainingWindow,
    write_manifest,
)
from features.golden import GoldenRows, write_golden
from features.head import Decision
from features.plan import Plan
from features.shapley import write_explanation
from features.vector import MissingPolicy
from grpc_api.pointer import Pointer, models_dir, pointer_file, write_pointer

if TYPE_CHECKING:
    from offline_training.learners import Learned
    from offline_training.learners.lightgbm_learner import LearnedLightGbm

FIRST_VERSION: Final = "1"
LEAVES: Final = 31
N_GOLDEN: Final = 100


def publish_made_up_model(
    state_dir: Path, plan: Plan, service: str, rows: np.ndarray, generator: np.random.Generator, *, trees: int
) -> str:
    """Train on vectors of a service, and point scorers of the state folder at the bundle; the model is named alike.

    Returns it as LightGBM writes it.
    """
    models, learned = models_dir(state_dir), _fit(rows, generator, trees)
    write_pointer(pointer_file(models, service), _write(models, plan, service, rows, learned, FIRST_VERSION))
    text: str = learned.booster.model_to_string()
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
    return _write(models, plan, service, rows, _fit(rows, generator, trees), version)


def _fit(rows: np.ndarray, generator: np.random.Generator, trees: int) -> LearnedLightGbm:
    """A model on labels that were made up."""
    from offline_training.learners.lightgbm_learner import LightGbm

    noise = generator.normal(size=rows.shape)
    raw = ((rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1.0) + noise) @ generator.normal(size=rows.shape[1])
    params = {"num_leaves": LEAVES, "min_data_in_leaf": 2, "learning_rate": 0.05, "num_iterations": trees}
    labels = (raw > 0).astype(np.float64)
    return LightGbm().fit(rows, labels, task="binary", n_classes=2, params=params, seed=0)


def _write(models: Path, plan: Plan, service: str, rows: np.ndarray, learned: Learned, version: str) -> Pointer:
    """The bundle of a model, and a pointer to it."""
    folder = models / service / version
    folder.mkdir(parents=True)
    exported = learned.export()
    (folder / MODEL).write_bytes(exported.onnx)
    write_explanation(folder / EXPLAIN, exported.explanation)
    golden = GoldenRows(rows[:N_GOLDEN], learned.raw(rows[:N_GOLDEN]))
    write_golden(folder / GOLDEN, plan.service(service).feature_names, golden)
    bundle = _seal(folder, plan, service, len(rows))
    return Pointer(model=service, version=version, path=version, digest=bundle.digest)


def _seal(folder: Path, plan: Plan, service: str, n_rows: int) -> Bundle:
    """Write the manifest."""
    for name in (MODEL_CARD, REFERENCE):
        (folder / name).write_bytes(b"")
    made_at = datetime.now(UTC)
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
            metrics={},
            code_version="bench",
            files={},
        ),
    )
