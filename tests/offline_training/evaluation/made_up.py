"""Outcomes of made-up models."""

from __future__ import annotations

import numpy as np

from features.head import Task
from offline_training.evaluation.outcomes import Outcomes


def binary(n: int = 400, *, seed: int = 0, strength: float = 1.5, threshold: float = 0.5) -> Outcomes:
    """Scores that are calibrated: each outcome happens with the probability that was scored; some are alike."""
    rng = np.random.default_rng(seed)
    scores = np.round(1 / (1 + np.exp(-strength * rng.normal(size=n))), 2)
    labels = (rng.random(n) < scores).astype(np.float64)
    return Outcomes("binary", labels, scores, threshold)


def multiclass(n: int = 400, *, seed: int = 0, n_classes: int = 3) -> Outcomes:
    """Three classes, of which one is rare."""
    rng = np.random.default_rng(seed)
    raws = rng.normal(size=(n, n_classes)) * 1.5
    raws[:, -1] -= 1.0
    scores = np.exp(raws) / np.exp(raws).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(n_classes, p=row) for row in scores], dtype=np.float64)
    return Outcomes("multiclass", labels, scores)


def regression(n: int = 400, *, seed: int = 0) -> Outcomes:
    """Values with an error of half their spread."""
    rng = np.random.default_rng(seed)
    labels = 100 + 10 * rng.normal(size=n)
    return Outcomes("regression", labels, labels + 5 * rng.normal(size=n))


MADE_UP = {"binary": binary, "multiclass": multiclass, "regression": regression}


def outcomes_of(task: Task) -> Outcomes:
    """Those of a task."""
    return MADE_UP[task]()
