"""Small LightGBM boosters of every kind that the converter meets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np

from offline_training.conversion.ensemble import Ensemble
from offline_training.conversion.exported import Exported
from offline_training.conversion.lightgbm_trees import read_trees
from offline_training.conversion.onnx_trees import to_onnx
from offline_training.conversion.probes import tree_probes


class Trained(NamedTuple):
    """A booster with the rows that it was trained on."""

    booster: Any
    rows: np.ndarray

    @property
    def ensemble(self) -> Ensemble:
        return read_trees(self.booster.model_to_string())

    @property
    def predict(self) -> Callable[[np.ndarray], np.ndarray]:
        return lambda rows: np.asarray(self.booster.predict(rows, raw_score=True)).reshape(len(rows), -1)

    def exported(self, onnx: bytes | None = None) -> Exported:
        """As it is served; or as a converter gave it that may be wrong."""
        ensemble = self.ensemble
        return Exported(onnx or to_onnx(ensemble), None, partial(tree_probes, ensemble), 0.0)


def mixed_rows(n: int = 3_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Six inputs (normal, category, with NaN, near 1e8, mostly zero, noise) and a label that depends on most."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 6))
    rows[:, 1] = rng.integers(0, 90, n)
    rows[:, 2] = np.where(rng.random(n) < 0.3, np.nan, rows[:, 2])
    rows[:, 3] = 1e8 + rng.integers(0, 1_000, n)
    rows[:, 4] = np.where(rng.random(n) < 0.5, 0.0, rows[:, 4])
    signal = rows[:, 0] + (rows[:, 1] % 3 == 1) + np.nan_to_num(rows[:, 2]) / 2 + rows[:, 4] + (rows[:, 3] - 1e8) / 1e3
    return rows, (signal + rng.normal(size=n) > 1).astype(np.float64)


def trained(rounds: int = 20, categories: list[int] | None = None, rows: Any = None, **params: Any) -> Trained:
    """A booster on `mixed_rows` (or on ``rows``, with their labels)."""
    own, labels = mixed_rows()
    rows = own if rows is None else rows
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}
    data = lgb.Dataset(rows, labels, categorical_feature=categories or [])
    return Trained(lgb.train(fixed | {"seed": 1} | params, data, rounds), rows)
