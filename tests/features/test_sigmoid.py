"""The one sigmoid."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from features.sigmoid import sigmoid, sigmoid_many

GOLDEN = [
    "0x1.a56e0c2ac7cc0p-44",
    "0x1.759b8355a1bafp-3",
    "0x1.fffffffbb47d1p-2",
    "0x1.0000000000000p-1",
    "0x1.261d545e46a8bp-1",
    "0x1.c2f7d5a8a79c9p-1",
    "0x1.0000000000000p+0",
]


@given(st.floats(allow_nan=False))
def test_it_is_a_probability_that_never_overflows(raw: float) -> None:
    """Every raw score, infinite ones included, gives a number from 0 to 1 on the right side of one half."""
    score = sigmoid(raw)
    assert 0.0 <= score <= 1.0
    assert (score >= 0.5) == (raw >= 0.0) or abs(raw) < 1e-15


@given(st.floats(min_value=-700, max_value=700), st.floats(min_value=-700, max_value=700))
def test_it_keeps_order(one: float, other: float) -> None:
    """A higher raw score never has a lower probability."""
    low, high = sorted((one, other))
    assert sigmoid(low) <= sigmoid(high)


def test_nan_stays_nan() -> None:
    """A raw score that is no number gives none."""
    assert math.isnan(sigmoid(math.nan))


def test_its_bits_are_fixed() -> None:
    """Golden values: other bits would make old scores irreproducible."""
    raws = [-30.0, -1.5, -1e-9, 0.0, 0.3, 2.0, 40.0]
    assert [score.hex() for score in sigmoid_many(raws)] == [sigmoid(raw).hex() for raw in raws] == GOLDEN
