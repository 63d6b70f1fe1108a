"""How much of what a model says it would say again, had it seen other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

RESAMPLES: Final = 5
MOST_ROWS: Final = 2_000
"""Of the tested rows, so many are compared, evenly spread: silhouettes are of all pairs."""


def stability(
    fit: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]],
    agreement: Callable[[np.ndarray, np.ndarray], float],
    answers: np.ndarray,
    rows: np.ndarray,
    later: np.ndarray,
    seed: int,
) -> float:
    """Mean agreement of the answers with those of models that are fitted to bootstrap resamples of the rows."""
    found = [agreement(answers, fit(drawn)(later)) for drawn in _resamples(rows, seed)]
    return float(np.mean(found))


def spread(n: int) -> np.ndarray:
    """Numbers of at most `MOST_ROWS` rows."""
    return np.linspace(0, n - 1, min(n, MOST_ROWS)).astype(np.intp)


def _resamples(rows: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield rows[generator.integers(0, len(rows), len(rows))]
