"""The test of null rates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from monitoring.null_rate import NullRate


def test_known_answer() -> None:
    """Fisher's tea: three of four right has a two-sided p of 34/70."""
    rate = NullRate(nulls=1, rows=4)
    rate.update(nulls=3, rows=4)
    assert rate.p_value == pytest.approx(34 / 70)
    assert rate.statistic == 0.5


@pytest.mark.parametrize(("before", "after", "h"), [(0, 10, 0.2003), (500, 600, 0.2014), (1_000, 1_000, 0.0)])
def test_effect_size_is_cohens_h(before: int, after: int, h: float) -> None:
    """One per cent from nothing is as visible as ten from a half."""
    rate = NullRate(nulls=before, rows=1_000)
    rate.update(nulls=after, rows=1_000)
    assert rate.effect_size == pytest.approx(h, abs=1e-3)


def test_rare_nulls_do_not_alarm_by_chance() -> None:
    """With one null in a thousand fewer than 1 of 100 windows has p ≤ 0.01."""
    rng = np.random.default_rng(0)
    rate, seen = NullRate(nulls=5, rows=5_000), []
    for nulls in binom.rvs(2_000, 0.001, size=500, random_state=rng):
        rate.update(nulls=int(nulls), rows=2_000)
        seen.append(rate.p_value)
    assert np.mean(np.array(seen) <= 0.01) < 0.01
