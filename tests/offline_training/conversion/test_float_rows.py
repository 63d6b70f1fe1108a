"""Thresholds on doubles that decide as float32 does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import DomainError
from offline_training.conversion.float_rows import LARGEST, at_most, below, within_float32

SINGLE = st.floats(-(2.0**127), 2.0**127, width=32)
DOUBLE = st.floats(-3e38, 3e38)


@given(DOUBLE)
def test_at_most_is_the_last_double_that_rounds_to_no_more(threshold: float) -> None:
    """One step further, float32 is above the threshold; of any threshold, a float32 itself or not."""
    last = at_most(threshold)
    assert float(np.float32(last)) <= threshold
    assert float(np.float32(math.nextafter(last, math.inf))) > threshold


@given(SINGLE)
def test_below_is_the_last_double_that_rounds_to_less(threshold: float) -> None:
    """Zero, subnormals and negative numbers included."""
    last = below(threshold)
    assert np.float32(last) < np.float32(threshold)
    assert np.float32(math.nextafter(last, math.inf)) >= np.float32(threshold)


def test_infinite_thresholds_stay() -> None:
    """Every number is at most infinity, and none at most minus infinity."""
    assert (at_most(math.inf), at_most(-math.inf)) == (math.inf, -math.inf)


@pytest.mark.parametrize("threshold", [LARGEST, -LARGEST, 1e300])
def test_a_threshold_at_the_end_of_float32_is_refused(threshold: float) -> None:
    """What lies above it could not be told from it."""
    with pytest.raises(DomainError, match="end of float32"):
        at_most(threshold)


def test_rows_come_within_reach() -> None:
    """Infinities as well; NaN stays."""
    found = within_float32(np.array([np.inf, -1e300, 1.5, np.nan]))
    assert found[:3].tolist() == [LARGEST, -LARGEST, 1.5]
    assert np.isnan(found[3])
