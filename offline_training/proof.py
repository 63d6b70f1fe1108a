"""The proof that a converted model is the trained one: the same raw scores, bit for bit, or no bundle.

Where a model is not one of trees, its arithmetic is not its library's: then it may be off by what it states, and its
golden rows hold what ONNX Runtime gives, which must be the same bits for a row alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from features.bundle import MODEL, MODEL_INPUT, MODEL_OUTPUT
from features.errors import BundleCorruptError
from features.golden import GoldenRows, first_difference
from offline_training.conversion.exported import Exported

Predict = Callable[[np.ndarray], np.ndarray]

MIN_ROWS = 10_000
"""Rows that every proof stands on at least."""

_REAL_ROWS = 256
_GOLDEN_PROBES = 4_000
_SINGLE_ROWS = 256
_BATCH_ROWS = 1_000
"""Of a network of pictures, what the layers give of them takes memory."""


class Proof(NamedTuple):
    """``max_abs_diff`` is what was found, of what is allowed; ``golden`` is what the bundle carries of the rows."""

    max_abs_diff: float
    n_rows: int
    golden: GoldenRows


def prove(exported: Exported, predict: Predict, rows: np.ndarray) -> Proof:
    """Hold the ONNX model against its library's raw scores on real rows and on probes.

    ``predict`` gives the library's raw scores ``[n, outputs]``. All of ``rows``, of the probes, and of real values
    mixed anew are compared in batches, and a part also row by row, which is another path in ONNX Runtime.
    BundleCorruptError at the first row that differs by more than is allowed.
    """
    real = _spread(rows, _REAL_ROWS)
    probes = exported.probes(rows)
    fixed = np.vstack([real, probes.extremes])
    compared = np.vstack([fixed, probes.others, rows])
    compared = np.vstack([compared, _mixed(rows, MIN_ROWS - len(compared))])
    session = open_session(exported.onnx)
    batches = range(0, len(compared), _BATCH_ROWS)
    found = np.concatenate([raw_scores(session, compared[at : at + _BATCH_ROWS]) for at in batches])
    worst = _require_equal(np.asarray(predict(compared), dtype=np.float64), found, exported.max_abs_diff)
    single = _spread(np.arange(len(compared)), _SINGLE_ROWS)
    one_by_one = np.concatenate([raw_scores(session, compared[i : i + 1]) for i in single])
    row = first_difference(found[single], one_by_one)
    if row is not None:
        raise BundleCorruptError(
            MODEL, f"gives {one_by_one[row].tolist()} for a row alone, {found[single[row]].tolist()} in a batch"
        )
    some = len(fixed) + _spread(np.arange(len(probes.others)), _GOLDEN_PROBES)
    kept = np.concatenate([np.arange(len(fixed)), some])
    return Proof(worst, len(compared), GoldenRows(compared[kept], found[kept]))


def closeness(max_abs_diff: float) -> str:
    """How close a proof found a model to be, in words."""
    return "bit for bit" if max_abs_diff == 0.0 else f"within {max_abs_diff:.1e}"


def open_session(model: bytes) -> Any:
    """ONNX Runtime on one thread: with more, its last bits depend on the batch size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def raw_scores(session: Any, rows: np.ndarray) -> np.ndarray:
    """Raw scores ``[n, outputs]`` of rows ``[n, k]``."""
    (scores,) = session.run([MODEL_OUTPUT], {MODEL_INPUT: np.ascontiguousarray(rows, dtype=np.float64)})
    return np.asarray(scores, dtype=np.float64)


def _require_equal(expected: np.ndarray, found: np.ndarray, allowed: float) -> float:
    """Largest difference; BundleCorruptError where it is more than is allowed, or (0.0) where a bit differs."""
    row = first_difference(expected, found)
    if row is None:
        return 0.0
    if allowed and expected.shape == found.shape:
        same = (expected == found) | (np.isnan(expected) & np.isnan(found))
        size = np.maximum(1.0, np.abs(expected))
        off = (np.where(same, 0.0, np.abs(expected - found)) / size).max(axis=1)
        row = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        if off[row] <= allowed:
            return float(off[row])
    differing = f"row {row}: ONNX Runtime gives {found[row].tolist()}, the library {expected[row].tolist()}"
    raise BundleCorruptError(MODEL, f"is not the trained model ({differing})")


def _mixed(rows: np.ndarray, n: int) -> np.ndarray:
    """So many rows, each value drawn from its column; none where ``n`` is less than one."""
    chosen = np.random.default_rng(0).integers(0, len(rows), (max(n, 0), rows.shape[1]))
    return np.take_along_axis(rows, chosen, axis=0)


def _spread(rows: np.ndarray, n: int) -> np.ndarray:
    """At most ``n`` rows, evenly spread."""
    if len(rows) <= n:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]
