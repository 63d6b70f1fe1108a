"""Exact Shapley values of many rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.shapley import Explainer

Doubles = npt.NDArray[np.float64]


class Contributions(NamedTuple):
    """What each feature of each row contributed to the raw score of one output: with the base they sum to it."""

    base: float
    values: Doubles
    rows: Doubles

    @property
    def importance(self) -> Doubles:
        """Mean absolute contribution of each feature."""
        return np.asarray(np.abs(self.values).mean(axis=0))


def contributions_of(explainer: Explainer, rows: Doubles, output: int = 0) -> Contributions:
    """Explain each row."""
    values = np.array([explainer.contributions(row, output) for row in rows]).reshape(rows.shape)
    return Contributions(explainer.base(output), values, rows)
