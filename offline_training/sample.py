"""What a model of a domain learns from."""

from __future__ import annotations

import numpy as np

from features.model_file import ModelSpec
from offline_training.class_weights import row_weights
from offline_training.learners import Sample


def sample_of(spec: ModelSpec, rows: np.ndarray, labels: np.ndarray, until_us: int | None = None) -> Sample:
    """Rows and labels, those up to an instant (None: all that there are), as the model file has them learned from."""
    weights = row_weights(spec.class_weights, labels, spec.class_names)
    return Sample(rows, labels, spec.task, spec.n_classes, weights, until_us)
