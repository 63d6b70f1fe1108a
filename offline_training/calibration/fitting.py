"""A calibration map from scores that were made as they will be: by a model that was fitted on earlier rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from features.errors import DomainError
from features.model_file import CalibrationMethod, ModelSpec
from offline_training.calibration.calibrated import Calibrated
from offline_training.calibration.calibrator import Calibrator
from offline_training.calibration.isotonic import fit_isotonic
from offline_training.calibration.platt import fit_platt
from offline_training.folds import expanding_folds, fit_for_use
from offline_training.learners import Learned, Learner
from offline_training.sample import sample_of
from offline_training.split import Split

FOLDS: Final = 3
"""Each costs a fit."""

_FIT: dict[CalibrationMethod, Callable[[np.ndarray, np.ndarray], Calibrator]] = {
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def calibrated(
    learned: Learned, learner: Learner, spec: ModelSpec, rows: np.ndarray, labels: np.ndarray, at_us: np.ndarray
) -> Learned:
    """A learner's model with the map that its statement asks for, if any, fitted on no rows but the model's own.

    DomainError where these hold no fold: their history is too short to calibrate on.
    """
    if spec.calibration is None:
        return learned
    folds = expanding_folds(at_us, FOLDS, gap_us=spec.gap_us, span_us=spec.test_span_us)
    folds = fit_for_use(folds, labels, spec.n_classes)
    if not folds:
        raise DomainError(
            "model.yaml: calibration",
            "has no rows that lie a label horizon after others",
            "observe longer, or leave it out",
        )
    return Calibrated(
        learned, _fit_map(spec.calibration, partial(learner.fit, params=learned.params), spec, rows, labels, folds)
    )


def _fit_map(
    method: CalibrationMethod,
    fit: Callable[..., Learned],
    spec: ModelSpec,
    rows: np.ndarray,
    labels: np.ndarray,
    folds: Sequence[Split],
) -> Calibrator:
    """Fit a map on the later rows of every fold, as the same algorithm scores them that was fitted to its earlier."""

    def raw(fold: Split) -> np.ndarray:
        fitted = fit(sample_of(spec, rows[fold.earlier], labels[fold.earlier], fold.earlier_until_us), seed=spec.seed)
        return fitted.raw(rows[fold.later])[:, 0]

    later = np.concatenate([fold.later for fold in folds])
    return _FIT[method](np.concatenate([raw(fold) for fold in folds]), labels[later])
