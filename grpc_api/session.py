"""The model of a bundle, run: rows of doubles in, raw scores out, always the same bits."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from features.bundle import MODEL, MODEL_COLUMNS, MODEL_INPUT, MODEL_OUTPUT, Bundle
from features.errors import BundleCorruptError

Doubles = npt.NDArray[np.float64]
_OUTPUTS: Final = (MODEL_OUTPUT,)
_COLUMNS: Final = (MODEL_COLUMNS,)


class RawScorer:
    """One ONNX model, of so many inputs and outputs a row. May be called by several threads at once.

    One thread per call: with two, batches above 50 rows are split and summed in another order, which changes bits.
    """

    def __init__(self, model: Path, n_features: int, n_outputs: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._run = getattr(session, "_sess", session).run  # without the checks of names, a tenth of a row's time
            self.n_features = n_features
            self._pack = struct.Struct(f"={n_features}d").pack
            shape = self.raw_scores(np.zeros((2, n_features))).shape
        except Exception as error:
            raise BundleCorruptError(str(model), f"does not run on {n_features} features ({error})") from error
        if shape != (2, n_outputs):
            raise BundleCorruptError(str(model), f"gives {shape} for 2 rows, its manifest says {(2, n_outputs)}")

    def raw_scores(self, rows: Doubles) -> Doubles:
        """Raw scores ``[n, c]`` of rows ``[n, k]``."""
        (raw,) = self._run(_OUTPUTS, {MODEL_INPUT: rows}, None)
        return raw  # type: ignore[no-any-return]  # onnxruntime ships no types

    def score_vectors(self, vectors: Sequence[Sequence[float]]) -> list[list[float]]:
        """The same of rows and to rows as lists, which packing makes an array of in a third of numpy's time."""
        packed = b"".join([self._pack(*vector) for vector in vectors])
        scores: list[list[float]] = self.raw_scores(np.frombuffer(packed).reshape(-1, self.n_features)).tolist()
        return scores

    def columns(self, row: Doubles) -> Doubles:
        """Prepared columns ``[p]`` of a row ``[k]``, of a model that prepares its inputs."""
        (columns,) = self._run(_COLUMNS, {MODEL_INPUT: row[np.newaxis]}, None)
        return columns[0]  # type: ignore[no-any-return]  # onnxruntime ships no types


def open_scorer(bundle: Bundle) -> RawScorer:
    """The model of a bundle."""
    manifest = bundle.manifest
    return RawScorer(bundle.file(MODEL), len(manifest.features), manifest.head.n_outputs)
