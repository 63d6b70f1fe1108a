"""Principal components: how many directions the features really have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from offline_training.exploration.signed_log import signed_log

Doubles = npt.NDArray[np.float64]


class Components(NamedTuple):
    """``explained`` are shares of the variance; ``loadings`` is ``[components, k]``; ``places`` ``[n, 2]``."""

    explained: Doubles
    loadings: Doubles
    places: Doubles

    def needed(self, share: float) -> int:
        """How many components explain a share of the variance."""
        return min(int(np.searchsorted(np.cumsum(self.explained), share - 1e-12)) + 1, len(self.explained))


def components(rows: Doubles) -> Components | None:
    """Of columns on the scale ``sign(x) · log(1 + |x|)``, each of variance 1, null in the middle; None below two."""
    logs = signed_log(rows)
    spread = np.nanstd(np.where(np.isnan(logs).all(axis=0), 0.0, logs), axis=0)
    varying = spread > 1e-12
    if varying.sum() < 2 or len(rows) < 3:
        return None
    chosen = logs[:, varying]
    scaled = np.nan_to_num((chosen - np.nanmean(chosen, axis=0)) / spread[varying])
    with threadpool_limits(limits=1):
        fitted = PCA(svd_solver="full").fit(scaled)
        places = fitted.transform(scaled)[:, :2]
    loadings = np.zeros((len(fitted.components_), rows.shape[1]))
    loadings[:, varying] = fitted.components_
    return Components(np.asarray(fitted.explained_variance_ratio_), loadings, np.asarray(places))
