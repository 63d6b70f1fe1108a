"""A model with a map behind it is one model: proven, explained, fitted on no row of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import DomainError
from features.model_file import CalibrationMethod, ModelSpec, SplitSpec
from features.shapley import open_explainer, write_explanation
from offline_training.calibration import Calibrated, Platt, calibrated
from offline_training.fitting import fit
from offline_training.learners import Sample
from offline_training.learners.lightgbm_learner import LightGbm
from offline_training.proof import open_session, prove, raw_scores
from tests.offline_training.test_fitting import DAY_US, _dataset, _quiet, _spec

METHODS: tuple[CalibrationMethod, ...] = ("platt", "isotonic")


def shifted(**change: Any) -> ModelSpec:
    """A model whose probabilities are too high, for the weights that its classes have."""
    return _spec(class_weights={"yes": 8.0, "no": 1.0}, split=SplitSpec(test_span="10d"), **change)


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrated_model_is_proven_and_published(method: CalibrationMethod) -> None:
    """Its ONNX gives the bits of model and map together, its test figures are those of the calibrated scores."""
    data = _dataset()
    plain, fitted = fit(data, shifted(), _quiet), fit(data, shifted(calibration=method), _quiet)
    assert isinstance(fitted.learned, Calibrated)
    assert fitted.proof.max_abs_diff == 0.0
    assert fitted.proof.n_rows >= 10_000
    found = raw_scores(open_session(fitted.exported.onnx), data.rows)
    assert found.tobytes() == fitted.learned.raw(data.rows).tobytes()
    assert fitted.learned.model.raw(data.rows).tobytes() == plain.learned.raw(data.rows).tobytes()
    assert fitted.test.log_loss < plain.test.log_loss
    assert fitted.test.brier < plain.test.brier
    assert fitted.learned.link == {"platt": "sigmoid", "isotonic": "identity"}[method]


def test_a_line_keeps_the_explanation_exact(tmp_path: Path) -> None:
    """Base and contributions sum to the calibrated raw score; each contribution is scaled by the slope."""
    data = _dataset()
    fitted = fit(data, shifted(calibration="platt"), _quiet)
    assert isinstance(fitted.learned, Calibrated)
    assert isinstance(fitted.learned.calibrator, Platt)
    files = [tmp_path / "plain.npz", tmp_path / "calibrated.npz"]
    write_explanation(files[0], fitted.learned.model.export().explanation)
    write_explanation(files[1], fitted.exported.explanation)
    plain, explainer = (open_explainer(file, 3, 1) for file in files)
    assert plain is not None
    assert explainer is not None
    for row in data.rows[:20]:
        contributions = explainer.contributions(row, 0)
        total = explainer.base(0) + contributions.sum()
        assert total == pytest.approx(float(fitted.learned.raw(row[np.newaxis])[0, 0]), abs=1e-9)
        assert contributions == pytest.approx(fitted.learned.calibrator.slope * plain.contributions(row, 0))


def test_steps_explain_nothing() -> None:
    """A bundle that is calibrated by steps says that it cannot be explained."""
    assert fit(_dataset(), shifted(calibration="isotonic"), _quiet).exported.explanation is None


def test_a_wrong_map_is_refused() -> None:
    """The proof compares what is composed."""
    data = _dataset()
    fitted = fit(data, shifted(), _quiet)
    right, wrong = (Calibrated(fitted.learned, Platt(2.0, intercept)) for intercept in (1.0, 1.0 + 1e-12))
    prove(right.export(), right.raw, data.rows)
    with pytest.raises(Exception, match="is not the trained model"):
        prove(right.export(), wrong.raw, data.rows)


def test_the_map_of_the_tested_model_has_seen_no_later_row() -> None:
    """Labels within the horizon of the test date change nothing of what is measured."""
    data, spec = _dataset(), _spec(calibration="platt")
    altered = data.labels.copy()
    inside_gap = (data.at_us > 34 * DAY_US) & (data.at_us < 39 * DAY_US)
    altered[inside_gap] = 1 - altered[inside_gap]
    assert fit(data, spec, _quiet).test == fit(data._replace(labels=altered), spec, _quiet).test


def test_the_map_is_fitted_on_scores_of_rows_that_their_model_has_not_seen() -> None:
    """Labels of chance that a model knows by heart: its own scores would be believed, those of other rows are not."""
    data, random = _dataset(), np.random.default_rng(7)
    labels = (random.random(len(data.labels)) < 0.5).astype(np.float64)
    by_heart = {"num_leaves": 200, "num_iterations": 60, "min_data_in_leaf": 1, "learning_rate": 0.3}
    spec = _spec(calibration="platt", split=SplitSpec(test_span="10d"))
    learner = LightGbm()
    learned = learner.fit(Sample(data.rows, labels, "binary", 2), by_heart, seed=0)
    found = calibrated(learned, learner, spec, data.rows, labels, data.at_us)
    assert isinstance(found, Calibrated)
    assert isinstance(found.calibrator, Platt)
    assert ((learned.raw(data.rows)[:, 0] > 0) == labels).mean() > 0.99
    assert abs(found.calibrator.slope) < 0.1


def test_nothing_is_calibrated_unless_asked() -> None:
    """The model itself is given back."""
    data = _dataset()
    learned = fit(data, shifted(), _quiet).learned
    assert calibrated(learned, LightGbm(), shifted(), data.rows, data.labels, data.at_us) is learned


def test_a_history_without_folds_is_refused() -> None:
    """Rather than to publish what was asked to be calibrated and is not."""
    data, spec = _dataset(n_days=9), _spec(calibration="platt")
    with pytest.raises(DomainError, match="calibration: has no rows that lie a label horizon after others"):
        fit(data, spec, _quiet)
