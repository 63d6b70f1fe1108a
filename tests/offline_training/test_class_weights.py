"""What a row counts by its class."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.class_weights import row_weights

LABELS = np.array([0.0, 0.0, 0.0, 1.0])


def test_balanced_classes_have_equal_sums() -> None:
    """And the mean weight is 1, so that penalties keep their meaning."""
    weights = row_weights("balanced", LABELS, ("stays", "goes"))
    assert weights is not None
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert weights.mean() == pytest.approx(1.0)


def test_given_weights_go_by_name() -> None:
    """In the order of the classes, whatever the order in the file."""
    weights = row_weights({"goes": 4.0, "stays": 0.5}, LABELS, ("stays", "goes"))
    assert weights is not None
    assert weights.tolist() == [0.5, 0.5, 0.5, 4.0]


def test_a_class_that_is_not_there_changes_nothing() -> None:
    """A fold may lack one of several."""
    weights = row_weights("balanced", LABELS, ("stays", "goes", "doubts"))
    two = row_weights("balanced", LABELS, ("stays", "goes"))
    assert weights is not None
    assert two is not None
    assert weights.tolist() == two.tolist()


def test_none_is_no_weights_at_all() -> None:
    """So that a fit without weights is the fit that it was."""
    assert row_weights("none", LABELS, ("stays", "goes")) is None
