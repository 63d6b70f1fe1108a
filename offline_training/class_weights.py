"""How much a row counts in a fit, by its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.model_file import ClassWeights


def row_weights(wanted: ClassWeights, labels: np.ndarray, classes: Sequence[str]) -> np.ndarray | None:
    """Weights ``[n]`` of rows whose labels are the numbers of ``classes``; None where all count alike.

    Balanced, every class that is there has the same sum, and the mean is 1.
    """
    if wanted == "none":
        return None
    numbers = labels.astype(np.int64)
    if wanted == "balanced":
        counts = np.bincount(numbers, minlength=len(classes))
        there = int(np.count_nonzero(counts))
        return np.asarray(len(labels) / (there * counts[numbers]), dtype=np.float64)
    return np.array([float(wanted[name]) for name in classes])[numbers]
