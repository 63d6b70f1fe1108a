"""The interval of a mean without bounds holds however often one looks, once it is told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from offline_training.comparison.sample_mean import LEAST_UNITS, UNITS_PER_SKEWNESS, SampleMean, asymptotic_mean
from tests.offline_training.comparison.walks import OUTCOMES, growing

SEQUENCES = 600
LENGTH = 2_500
ALPHA = 0.05


def ever_missed(name: str, per_skewness: float) -> float:
    """Share of sequences that leave the mean at any length at which something is told of it."""
    draw, mean = OUTCOMES[name]
    samples = growing(draw(np.random.default_rng(7), (SEQUENCES, LENGTH)))
    with np.errstate(all="ignore"):  # of samples too small to be told of
        against: Any = samples.evidence(mean)
    return float(((against > math.log(1 / ALPHA)) & samples.suffices(per_skewness)).any(axis=1).mean())


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_mean_is_never_left_at_any_length(name: str) -> None:
    """In all but one in twenty sequences, looked at after every value, however skewed the values are."""
    assert ever_missed(name, UNITS_PER_SKEWNESS) <= ALPHA


def test_without_waiting_for_skewed_values_it_would_be_left_far_too_often() -> None:
    """So the law above can fail: what is mostly nothing seems to be sure of being nothing."""
    assert ever_missed("mostly nothing", 0.0) > 3 * ALPHA


def test_moments_are_those_of_scipy() -> None:
    """And the samples that the laws are tried on are these."""
    values = np.random.default_rng(1).lognormal(2.0, 1.0, (1, 500))
    found = SampleMean.of(values[0])
    assert found == pytest.approx((500, values.mean(), values.std(ddof=1), stats.skew(values[0])))
    assert tuple(field[0, -1] for field in growing(values)) == pytest.approx(found)


@pytest.mark.parametrize("size", [1e-90, 1.0, 1e90])
def test_the_interval_has_the_unit_of_the_values(size: float) -> None:
    """However large or small they are; it is symmetric, and evidence is at the limit at its ends."""
    sample = SampleMean.of(np.random.default_rng(2).normal(1.0, 1.0, 400) * size)
    found = asymptotic_mean(sample)
    assert found is not None
    assert 0.5 < found.low / size < found.value / size < found.high / size < 1.5
    assert [sample.evidence(end) for end in (found.low, found.high)] == pytest.approx([math.log(1 / ALPHA)] * 2)


@pytest.mark.parametrize(("n", "times"), [(100, 1.87), (1_000, 1.55), (10_000, 1.66), (100_000, 1.83)])
def test_to_look_all_the_time_costs_width(n: int, times: float) -> None:
    """So many times that of an interval which may be looked at once."""
    values = np.tile([-1.0, 1.0], n // 2)
    found = asymptotic_mean(SampleMean.of(values))
    assert found is not None
    assert found.high / (1.96 * values.std(ddof=1) / math.sqrt(n)) == pytest.approx(times, abs=0.01)


def test_what_is_not_known_is_not_told() -> None:
    """Of nothing, of one value, of few, of a few large ones, and of values that differ by no more than rounding."""
    few = np.tile([0.0, 1.0], LEAST_UNITS // 2 - 1)
    rare = np.zeros(1_000)
    rare[:3] = 1.0
    alike = np.full(1_000, 0.1)
    nearly = np.tile([0.3, 0.1 + 0.2], 500)
    for values, needed in ((np.array([]), None), (np.ones(1), None), (few, 100), (alike, None), (nearly, None)):
        assert asymptotic_mean(SampleMean.of(values)) is None
        assert SampleMean.of(values).needed(UNITS_PER_SKEWNESS) == needed
    assert asymptotic_mean(SampleMean.of(rare)) is None
    assert (SampleMean.of(rare).needed(UNITS_PER_SKEWNESS) or 0) > 30_000
    assert SampleMean.of(alike).mean == 0.1
