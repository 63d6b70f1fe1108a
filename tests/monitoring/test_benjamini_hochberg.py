"""The correction for many tests, against answers that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from monitoring.benjamini_hochberg import adjusted_p_values

THROMBOLYSIS = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
    1.0000,
]  # fmt: skip
"""The fifteen p-values of §3.2 of the paper of 1995."""


def test_the_papers_example() -> None:
    """At q = 0.05 the first four of the fifteen are believed (Bonferroni: three)."""
    believed = adjusted_p_values(THROMBOLYSIS) <= 0.05
    assert believed.tolist() == [True] * 4 + [False] * 11


def test_known_answers() -> None:
    """The values that R's `p.adjust(method = "BH")` gives."""
    assert adjusted_p_values([0.005, 0.009, 0.05, 0.1, 0.7]).tolist() == pytest.approx(
        [0.0225, 0.0225, 0.25 / 3, 0.125, 0.7]
    )


@given(st.lists(st.floats(0, 1), max_size=60))
def test_it_is_scipys_correction(p_values: list[float]) -> None:
    """Any list gives what `scipy.stats.false_discovery_control` gives."""
    theirs = false_discovery_control(p_values) if p_values else np.empty(0)
    assert adjusted_p_values(p_values).tolist() == pytest.approx(theirs.tolist())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_order_does_not_matter(p_values: list[float]) -> None:
    """A test gets the same corrected value wherever it stands, never less than its own."""
    order = np.random.default_rng(len(p_values)).permutation(len(p_values))
    adjusted = adjusted_p_values(p_values)
    assert adjusted[order].tolist() == adjusted_p_values([p_values[i] for i in order]).tolist()
    assert (adjusted >= np.asarray(p_values) - 1e-15).all()


def test_uncorrected_windows_would_alarm() -> None:
    """Where nothing changed, fifty tests at 0.05 show something in 9 of 10 windows; corrected in 1 of 20."""
    rng = np.random.default_rng(0)
    windows = rng.random((2_000, 50))
    assert np.mean((windows <= 0.05).any(axis=1)) > 0.9
    corrected = np.array([adjusted_p_values(window) for window in windows])
    assert np.mean((corrected <= 0.05).any(axis=1)) < 0.07
