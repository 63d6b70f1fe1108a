"""Isotonic regression: steps that rise, and a tree that takes them bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from features.golden import first_difference
from features.shapley import LinearTables
from offline_training.calibration import Isotonic, fit_isotonic
from offline_training.proof import open_session, raw_scores

DOUBLES = st.floats(allow_nan=False, allow_infinity=False, width=64)


def around(bounds: tuple[float, ...]) -> np.ndarray:
    """Every bound, the doubles next to it, and what a raw score may be at worst."""
    beside = [(bound, math.nextafter(bound, -math.inf), math.nextafter(bound, math.inf)) for bound in bounds]
    largest = float(np.finfo(np.float64).max)
    extremes = (math.nan, math.inf, -math.inf, largest, -largest, 0.0, -0.0, 5e-324, -5e-324)
    return np.array([*extremes, *(value for values in beside for value in values)]).reshape(-1, 1)


@given(st.lists(DOUBLES, unique=True, max_size=20), st.integers(0, 2**32 - 1))
def test_the_tree_is_the_steps(bounds: list[float], seed: int) -> None:
    """At each bound, next to it on both sides, at infinities and NaN: the same bits together and alone."""
    values = np.sort(np.random.default_rng(seed).random(len(bounds) + 1))
    calibrator = Isotonic(tuple(sorted(bounds)), tuple(values.tolist()))
    rows, session = around(calibrator.bounds), open_session(calibrator.to_onnx())
    expected = calibrator.apply(rows)
    assert first_difference(expected, raw_scores(session, rows)) is None
    assert first_difference(expected, np.concatenate([raw_scores(session, row[np.newaxis]) for row in rows])) is None


def test_the_steps_are_those_of_the_regression() -> None:
    """On the rows of the fit they are scikit-learn's own."""
    generator = np.random.default_rng(2)
    raw = np.round(generator.normal(size=2_000), 2)
    labels = (generator.random(2_000) < 1 / (1 + np.exp(-2 * raw))).astype(np.float64)
    calibrator = fit_isotonic(raw, labels)
    theirs = IsotonicRegression(y_min=1 / 2_002, y_max=2_001 / 2_002).fit_transform(raw, labels)
    assert calibrator.apply(raw) == pytest.approx(theirs, abs=1e-12)
    assert list(calibrator.values) == sorted(set(calibrator.values))
    assert 5 < len(calibrator.values) < 200


@given(st.lists(st.tuples(DOUBLES, st.booleans()), min_size=1, max_size=40))
def test_no_probability_is_certain_or_falls(pairs: list[tuple[float, bool]]) -> None:
    """However the rows lie, next to each other or all on one side."""
    raw, labels = np.array([raw for raw, _ in pairs]), np.array([float(label) for _, label in pairs])
    calibrator = fit_isotonic(raw, labels)
    found = calibrator.apply(np.sort(raw))
    assert ((found > 0) & (found < 1)).all()
    assert (np.diff(found) >= 0).all()
    assert list(calibrator.bounds) == sorted(set(calibrator.bounds))


def test_what_is_not_finite_stays_so() -> None:
    """The scorer refuses it, as it would without calibration."""
    found = Isotonic((0.0,), (0.25, 0.75)).apply(np.array([math.nan, math.inf, -math.inf, 0.0, 1.0]))
    assert np.isnan(found[:3]).all()
    assert found[3:].tolist() == [0.25, 0.75]


def test_steps_explain_nothing() -> None:
    """There is no sum over the features that gives them."""
    tables = LinearTables(np.ones((1, 2)), np.zeros(1), np.zeros(2), np.zeros(2))
    assert Isotonic((), (0.5,)).explained(tables) is None
