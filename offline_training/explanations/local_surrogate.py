"""LIME for tables: a linear model that is fitted to the scores around one row.

A feature of a perturbed row is either the explained row's own, or that of a row drawn from the background. The
surrogate is a ridge regression on which of them are its own, weighed by how near the perturbed row is. Its weights say,
so far as it fits (``fidelity``), what the row's own value adds to the score where others have another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import Ridge

Doubles = npt.NDArray[np.float64]

N_PERTURBED: Final = 4_000
_KERNEL_WIDTH: Final = 0.75
"""Of the square root of the number of features, as in LIME."""


class Surrogate(NamedTuple):
    """``weights`` are what each feature's own value adds to the score; ``fidelity`` is the R² around the row."""

    base: float
    weights: Doubles
    fidelity: float


def fit_surrogate(
    score: Callable[[Doubles], Doubles], row: Doubles, background: Doubles, *, seed: int, n: int = N_PERTURBED
) -> Surrogate:
    """Explain one row's score.

    Parameters
    ----------
    score
        Scores ``[n]`` of rows ``[n, k]``.
    row, background
        The row, and rows of which others are drawn.
    seed, n
        Of the perturbed rows, and how many there are.

    Returns
    -------
    Surrogate
        The same for the same arguments.

    References
    ----------
    Ribeiro, Singh, Guestrin, "Why should I trust you? Explaining the predictions of any classifier", KDD 2016.

    """
    generator = np.random.default_rng(seed)
    k = len(row)
    own = generator.random((n, k)) < generator.random((n, 1))  # near rows and far ones alike
    own[0] = True
    drawn = background[generator.integers(0, len(background), n)]
    scores = score(np.where(own, row, drawn))
    share_changed = 1.0 - own.mean(axis=1)
    nearness = np.exp(-share_changed / _KERNEL_WIDTH**2)
    features = own.astype(np.float64)
    surrogate = Ridge(alpha=1.0).fit(features, scores, sample_weight=nearness)
    return Surrogate(
        base=float(surrogate.intercept_),
        weights=np.asarray(surrogate.coef_, dtype=np.float64),
        fidelity=float(surrogate.score(features, scores, sample_weight=nearness)),
    )
