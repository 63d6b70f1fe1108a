"""How wrong scores are: the same of two classes as of two outcomes, but that both are counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from offline_training.comparison.proper_scores import of_classes, of_two_outcomes


def test_two_classes_are_two_outcomes() -> None:
    """Their squared errors are alike, so the sum over both is twice that of one."""
    labels, scores = np.array([1.0, 0.0, math.nan, 1.0]), np.array([0.9, 0.3, 0.5, 0.0])
    two = of_two_outcomes(labels, scores)
    came = [None if math.isnan(label) else "yes" if label else "no" for label in labels.tolist()]
    classes = of_classes(came, [{"no": 1 - score, "yes": score} for score in scores.tolist()])
    assert classes.squared_error == pytest.approx(2 * two.squared_error, nan_ok=True)
    assert classes.log_loss == pytest.approx(two.log_loss, nan_ok=True)
    assert two.log_loss[0] == pytest.approx(-math.log(0.9))
    assert np.isfinite(two.log_loss[3])


def test_a_class_that_a_version_does_not_know_has_no_probability_by_it() -> None:
    """It is as wrong as can be where it was sure of another."""
    found = of_classes(["new"], [{"old": 1.0, "older": 0.0}])
    assert found.squared_error.tolist() == [2.0]
    assert 30 < found.log_loss[0] < math.inf
