"""Which features to keep: those that together have nearly all of the importance, and what is lost by the others."""

from __future__ import annotations

from typing import Final

import numpy as np

from offline_training.exploration.importance import Importance

THRESHOLD: Final = 0.95
"""Cumulative share of the importance."""


def recommended(importance: Importance, threshold: float = THRESHOLD) -> tuple[int, ...]:
    """Numbers of the fewest features whose shares add up to the threshold, the largest share first."""
    order = np.argsort(-importance.shares, kind="stable")
    cumulative = np.cumsum(importance.shares[order])
    n = int(np.searchsorted(cumulative, threshold - 1e-12)) + 1
    return tuple(order[: min(n, len(order))].tolist())
