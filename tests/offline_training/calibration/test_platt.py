"""Platt scaling: a line through the log-odds, exact in ONNX, and in what it explains."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.golden import first_difference
from features.head import to_scores
from features.shapley import LinearTables
from features.sigmoid import sigmoid_many
from offline_training.calibration import Platt, fit_platt
from offline_training.proof import open_session, raw_scores

FINITE = st.floats(-1e6, 1e6, width=64)


@given(FINITE, FINITE, st.lists(FINITE, min_size=1, max_size=50))
def test_onnx_multiplies_and_adds_alike(slope: float, intercept: float, raws: list[float]) -> None:
    """Two roundings, never one: the same bits together and alone, at infinities and NaN too."""
    calibrator = Platt(slope, intercept)
    rows = np.array([*raws, math.nan, math.inf, -math.inf, 1e-300, -0.0]).reshape(-1, 1)
    session, expected = open_session(calibrator.to_onnx()), calibrator.apply(rows)
    found = raw_scores(session, rows)
    alone = np.concatenate([raw_scores(session, row[np.newaxis]) for row in rows])
    for given_back in (found, alone):
        known = ~np.isnan(expected)
        assert (np.isnan(given_back) == ~known).all()
        assert first_difference(expected[known], given_back[known]) is None


def test_a_line_that_was_bent_is_found() -> None:
    """Log-odds that are three times too steep and off by one come out right."""
    generator = np.random.default_rng(0)
    true = generator.normal(size=50_000)
    labels = (generator.random(50_000) < np.array(sigmoid_many(true.tolist()))).astype(np.float64)
    slope, intercept = fit_platt(3 * true + 1, labels)
    assert slope == pytest.approx(1 / 3, abs=0.02)
    assert intercept == pytest.approx(-1 / 3, abs=0.03)


def test_rows_that_part_without_error_do_not_make_it_endless() -> None:
    """Platt's targets lie short of 0 and 1."""
    raw, labels = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0])
    line = fit_platt(raw, labels)
    scores = to_scores(line.link, line.apply(raw.reshape(-1, 1)))[:, 0]
    assert 0.05 < scores[0] < scores[1] < 0.5 < scores[2] < scores[3] < 0.95


def test_a_linear_explanation_is_scaled() -> None:
    """Bias and weights become those of the calibrated raw score."""
    tables = LinearTables(np.array([[1.0, -2.0]]), np.array([0.5]), np.zeros(2), np.zeros(2))
    explained = Platt(2.0, 3.0).explained(tables)
    assert isinstance(explained, LinearTables)
    assert explained.weights.tolist() == [[2.0, -4.0]]
    assert explained.biases.tolist() == [4.0]
    assert Platt(2.0, 3.0).explained(None) is None
    assert Platt(-2.0, 3.0).allowed(1e-9) == 2e-9
