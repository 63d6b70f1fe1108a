"""ADWIN on means and on spread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from monitoring.adaptive_mean import AdaptiveMean
from monitoring.adaptive_spread import AdaptiveSpread

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

SHAPES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(3.0, 2.0, n),
    "heavy tail": lambda rng, n: rng.lognormal(0.0, 1.5, n),
    "mostly zero": lambda rng, n: rng.poisson(0.2, n).astype(np.float64),
}
DELTA = 0.01 / 26


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [AdaptiveMean, AdaptiveSpread])
def test_a_steady_stream_shows_no_change(shape: str, kind: type[AdaptiveMean | AdaptiveSpread]) -> None:
    """Twenty streams of ten windows of the reference's distribution: nothing."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        detector = kind(SHAPES[shape](rng, 5_000), delta=DELTA)
        for _ in range(10):
            detector.update(SHAPES[shape](rng, 2_000))
            assert not detector.changed, seed


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_of_half_a_sigma_is_seen_at_once(shape: str) -> None:
    """Within the first window, with its size and sign."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference = SHAPES[shape](rng, 5_000)
        detector = AdaptiveMean(reference, delta=DELTA)
        detector.update(SHAPES[shape](rng, 2_000) - 0.5 * reference.std())
        assert detector.changed, seed
        assert detector.shift < -0.4


def test_a_slow_drift_adds_up() -> None:
    """A fiftieth of σ a window, too little for any one window, is found over ten."""
    rng = np.random.default_rng(0)
    detector = AdaptiveMean(rng.normal(size=5_000), delta=DELTA)
    found = []
    for window in range(12):
        detector.update(rng.normal(0.02 * window, 1.0, 2_000))
        found.append(detector.changed)
    assert found[0] is False
    assert any(found)


def test_a_change_of_spread_shows_in_z_and_not_in_the_mean() -> None:
    """Variance doubles, the mean stays: only the detector on |z| sees it."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference = rng.normal(10.0, 1.0, 5_000)
        mean, spread = AdaptiveMean(reference, delta=DELTA), AdaptiveSpread(reference, delta=DELTA)
        window = rng.normal(10.0, 2**0.5, 2_000)
        mean.update(window)
        spread.update(window)
        assert (mean.changed, spread.changed) == (False, True), seed
        assert spread.shift > 0.4


def test_after_a_change_the_new_level_is_the_normal_one() -> None:
    """A level that stays is told once, not with every window."""
    rng = np.random.default_rng(0)
    detector = AdaptiveMean(rng.normal(size=5_000), delta=DELTA)
    detector.update(rng.normal(1.0, 1.0, 2_000))
    assert detector.changed
    later = []
    for _ in range(10):
        detector.update(rng.normal(1.0, 1.0, 2_000))
        later.append(detector.changed)
    assert not any(later[1:])


def test_neighbours_that_resemble_one_another_do_not_alarm() -> None:
    """Twenty autocorrelated streams (AR(1) with 0.5): block means take it."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=27_000)
        stream = np.empty_like(noise)
        level = 0.0
        for i, step in enumerate(noise):
            level = 0.5 * level + step
            stream[i] = level
        detector = AdaptiveMean(stream[:5_000], delta=DELTA)
        for start in range(7_000, 27_000, 2_000):
            detector.update(stream[start : start + 2_000])
            assert not (detector.changed and abs(detector.shift) >= 0.1), seed


def test_one_absurd_value_is_not_a_shift() -> None:
    """A spend a million times the usual moves no mean of fifty."""
    rng = np.random.default_rng(0)
    detector = AdaptiveMean(rng.normal(size=5_000), delta=DELTA)
    window = rng.normal(size=2_000)
    window[1_000] = 1e6
    detector.update(window)
    assert not detector.changed
