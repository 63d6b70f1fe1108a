"""A fitted ensemble of trees, of whichever library: converted bit for bit, and explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from features.head import Link
from offline_training.conversion.ensemble import Ensemble
from offline_training.conversion.exported import Exported
from offline_training.conversion.onnx_trees import to_onnx
from offline_training.conversion.probes import tree_probes
from offline_training.conversion.tree_tables import tables_of
from offline_training.learners.learner import Params


@dataclass(frozen=True, kw_only=True)
class LearnedTrees:
    """``predict`` gives the library's own raw scores ``[n, outputs]``."""

    learner: str
    params: Params
    link: Link
    importance: np.ndarray
    ensemble: Ensemble
    predict: Callable[[np.ndarray], np.ndarray]

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """The library's raw scores."""
        return self.predict(rows)

    def export(self) -> Exported:
        """One ``TreeEnsemble`` in double."""
        ensemble = self.ensemble
        return Exported(to_onnx(ensemble), tables_of(ensemble), partial(tree_probes, ensemble), 0.0)
