"""Figures of a clustering, by the distances of each row to the centres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offline_training.evaluation.outcomes import Outcomes

Doubles = npt.NDArray[np.float64]


class Clusters:
    """Mean distance to the own centre, its mean square (inertia a row), and the simplified silhouette.

    That compares the distance to the own centre with that to the next, where the silhouette compares mean distances to
    all rows (Hruschka, Campello, de Castro, "Evolutionary algorithms for clustering gene-expression data", 2004).
    """

    def __init__(self, outcomes: Outcomes) -> None:
        nearest = np.sort(outcomes.scores, axis=1)
        own, other = nearest[:, 0], nearest[:, 1]
        silhouette = np.divide(other - own, other, out=np.zeros_like(own), where=other > 0.0)
        self._columns = np.column_stack([own, own**2, silhouette])

    def of(self, weights: Doubles) -> dict[str, Doubles]:
        """See `offline_training.evaluation.figures.Figures`."""
        total = weights.sum(axis=1)
        means = (weights @ self._columns).T / np.where(total > 0, total, np.nan)
        return dict(zip(("distance", "inertia", "simplified_silhouette"), means, strict=True))
