"""The windowed two-sample test, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from monitoring.kolmogorov_smirnov import KolmogorovSmirnov


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("decimals", [15, 0], ids=["continuous", "tied"])
def test_it_is_scipys_asymptotic_test(seed: int, decimals: int) -> None:
    """Statistic and p-value are those of `ks_2samp`, with and without ties."""
    rng = np.random.default_rng(seed)
    reference, window = rng.normal(size=700).round(decimals), rng.normal(0.1, 1.2, size=300).round(decimals)
    test = KolmogorovSmirnov(reference)
    test.update(window)
    theirs = ks_2samp(reference, window, method="asymp")
    assert test.statistic == pytest.approx(theirs.statistic, abs=1e-15)
    assert test.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_the_window_before_is_forgotten() -> None:
    """A drifted window says nothing of the next."""
    test = KolmogorovSmirnov(np.arange(50.0))
    test.update(np.arange(50.0) + 1e3)
    assert (test.statistic, test.p_value < 1e-9) == (1.0, True)
    test.update(np.arange(50.0))
    assert (test.statistic, test.p_value) == (0.0, 1.0)


def test_an_empty_window_says_nothing() -> None:
    """Where all values are null there is no shape to compare; the null rate speaks for it."""
    test = KolmogorovSmirnov(np.arange(50.0))
    test.update(np.arange(50.0) + 1e3)
    test.update(np.empty(0))
    assert (test.statistic, test.p_value) == (0.0, 1.0)


def test_p_values_are_not_too_small_where_nothing_changed() -> None:
    """Of 1,000 windows of the reference's own distribution about 5 in 100 have p ≤ 0.05, and 1 in 100 p ≤ 0.01."""
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(1_000):
        test = KolmogorovSmirnov(rng.normal(size=500))
        test.update(rng.normal(size=400))
        p_values.append(test.p_value)
    assert 0.03 < np.mean(np.array(p_values) <= 0.05) < 0.07
    assert np.mean(np.array(p_values) <= 0.01) < 0.02
