"""The proof that a converted model is the trained one: the same raw scores, bit for bit, or no bundle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from features.bundle import MODEL, MODEL_INPUT, MODEL_OUTPUT
from features.errors import BundleCorruptError
from features.golden import GoldenRows, first_difference
from offline_training.lightgbm_trees import Ensemble, require_whole_categories
from offline_training.probes import extreme_probes, split_probes

Predict = Callable[[np.ndarray], np.ndarray]

_REAL_ROWS = 256
_GOLDEN_PROBES = 4_000
_SINGLE_ROWS = 256


class Proof(NamedTuple):
    """``max_abs_diff`` is 0.0, or there would be no proof; ``golden`` is what the bundle carries of the rows."""

    max_abs_diff: float
    n_rows: int
    golden: GoldenRows


def prove(ensemble: Ensemble, model: bytes, predict: Predict, rows: np.ndarray) -> Proof:
    """Hold the ONNX model against LightGBM's raw scores on real rows and on probes.

    ``predict`` gives LightGBM's raw scores. All of ``rows`` and of the probes are compared in one batch, and a part
    also row by row, which is another path in ONNX Runtime. BundleCorruptError at the first differing bit.
    """
    require_whole_categories(ensemble, rows)
    real = _spread(rows, _REAL_ROWS)
    splits = split_probes(ensemble, real)
    fixed = np.vstack([real, extreme_probes(ensemble, real)])
    compared = np.vstack([fixed, splits, rows])
    expected = np.asarray(predict(compared), dtype=np.float64)
    session = open_session(model)
    found = raw_scores(session, compared)
    worst = _require_equal(expected, found)
    single = _spread(np.arange(len(compared)), _SINGLE_ROWS)
    one_by_one = np.concatenate([raw_scores(session, compared[i : i + 1]) for i in single])
    _require_equal(expected[single], one_by_one)
    kept = np.concatenate([np.arange(len(fixed)), len(fixed) + _spread(np.arange(len(splits)), _GOLDEN_PROBES)])
    return Proof(worst, len(compared), GoldenRows(compared[kept], expected[kept, np.newaxis]))


def open_session(model: bytes) -> Any:
    """ONNX Runtime on one thread: with more, its last bits depend on the batch size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def raw_scores(session: Any, rows: np.ndarray) -> np.ndarray:
    """Raw scores ``[n]`` of rows ``[n, k]``."""
    (scores,) = session.run([MODEL_OUTPUT], {MODEL_INPUT: np.ascontiguousarray(rows, dtype=np.float64)})
    return np.asarray(scores, dtype=np.float64).reshape(-1)


def _require_equal(expected: np.ndarray, found: np.ndarray) -> float:
    """Largest difference, which is 0.0; BundleCorruptError where a bit differs."""
    row = first_difference(expected, found)
    if row is not None:
        differing = f"row {row}: ONNX Runtime gives {found[row]!r}, LightGBM {expected[row]!r}"
        raise BundleCorruptError(MODEL, f"is not the trained model ({differing})")
    return float(np.max(np.abs(expected - found), initial=0.0))


def _spread(rows: np.ndarray, n: int) -> np.ndarray:
    """At most ``n`` rows, evenly spread."""
    if len(rows) <= n:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]
