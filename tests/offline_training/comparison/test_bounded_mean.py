"""The interval of a bounded mean holds however often one looks."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.comparison.bounded_mean import bounded_mean

SEQUENCES = 400


@pytest.mark.parametrize("chance", [0.02, 0.5])
def test_the_mean_is_never_left_at_any_length(chance: float) -> None:
    """In all but one in twenty sequences: the interval is the intersection of all before it, so its end tells."""
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(SEQUENCES):
        found = bounded_mean(np.where(rng.random(2_000) < chance, 1.0, -1.0), -1.0, 1.0)
        missed += not found.low <= 2 * chance - 1 <= found.high
    assert missed / SEQUENCES <= 0.05


def test_it_narrows_with_what_comes() -> None:
    """And faster where values differ little."""
    rng = np.random.default_rng(4)
    values = rng.uniform(-0.1, 0.1, 20_000)
    some, all_of_them = bounded_mean(values[:1_000], -1.0, 1.0), bounded_mean(values, -1.0, 1.0)
    assert some.high - some.low > 3 * (all_of_them.high - all_of_them.low)
    assert all_of_them.high - all_of_them.low < 0.01
    assert all_of_them.value == pytest.approx(values.mean())


def test_without_values_it_is_the_bounds() -> None:
    """Nothing is known yet."""
    found = bounded_mean(np.array([]), -1.0, 1.0)
    assert (found.low, found.value, found.high) == (-1.0, 0.0, 1.0)
