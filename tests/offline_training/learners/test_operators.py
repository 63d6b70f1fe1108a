"""What every learner exports passes the security scan: an operator that it begins to use has to be looked through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.approval.onnx_scan import faults_of
from features.head import Task
from offline_training.learners import LEARNERS, Sample
from tests.offline_training.learners.tasks import N_CLASSES, SMALL

N_ROWS = 80


@pytest.mark.parametrize(
    ("name", "task"), [(name, task) for name, learner in LEARNERS.items() for task in sorted(learner.tasks)]
)
def test_its_models_are_of_known_operators(name: str, task: Task, tmp_path: Path) -> None:
    """For each of its tasks, with missing values among its rows."""
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(N_ROWS, 6))
    labels = np.arange(N_ROWS) % N_CLASSES[task] if N_CLASSES[task] else rows[:, 0] * 2
    rows[::7, 1] = np.nan
    sample = Sample(rows, labels.astype(np.float64), task, N_CLASSES[task])
    learned = LEARNERS[name].fit(sample, SMALL.get(name, {}), seed=1)
    path = tmp_path / "model.onnx"
    path.write_bytes(learned.export().onnx)
    assert list(faults_of(path)) == []
