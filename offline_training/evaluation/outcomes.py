"""Rows whose outcome is known, with what a model says of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.head import Task


class Outcomes(NamedTuple):
    """``labels`` are 0 and 1, numbers of classes, or values; ``scores`` is ``[n]``, or ``[n, classes]``.

    Of a model without labels, they are NaN where nothing is known beside. ``threshold`` is where a binary decision
    becomes positive, and an anomaly begins. ``units`` numbers whom each row is of, where several may
    be of one; None: each is of its own.
    """

    task: Task
    labels: np.ndarray
    scores: np.ndarray
    threshold: float = 0.5
    units: np.ndarray | None = None

    @property
    def predicted(self) -> np.ndarray:
        """What the model decides on: 0 or 1, the number of a class or of the nearest cluster, or the value itself."""
        if self.task == "clustering":
            return np.asarray(self.scores.argmin(axis=1), dtype=np.float64)
        if self.task in {"binary", "anomaly"}:
            return np.asarray(self.scores >= self.threshold, dtype=np.float64)
        if self.task == "multiclass":
            return np.asarray(self.scores.argmax(axis=1), dtype=np.float64)
        return self.scores

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 where values are predicted."""
        return {"binary": 2, "multiclass": int(self.scores.shape[-1])}.get(self.task, 0)

    @property
    def certainty(self) -> np.ndarray:
        """Probability that the model itself gives to what it decides on."""
        if self.task == "multiclass":
            return np.asarray(self.scores.max(axis=1))
        return np.where(self.predicted == 1.0, self.scores, 1.0 - self.scores)

    @property
    def class_scores(self) -> np.ndarray:
        """Probability of each class, ``[n, classes]``."""
        return self.scores if self.scores.ndim == 2 else np.column_stack([1.0 - self.scores, self.scores])

    def take(self, rows: np.ndarray) -> Outcomes:
        """Those of some rows, by mask or by number."""
        units = None if self.units is None else self.units[rows]
        return self._replace(labels=self.labels[rows], scores=self.scores[rows], units=units)
