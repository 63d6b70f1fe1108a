"""The interval of a difference of means holds however often one looks, and finds what is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from offline_training.comparison.lift import CONFIDENCE
from offline_training.comparison.mean_lift import (
    UNITS_PER_SKEWNESS,
    equally_skewed,
    evidence_of_difference,
    lift_of_means,
)
from offline_training.comparison.sample_mean import SampleMean
from tests.offline_training.comparison.walks import OUTCOMES, at, growing

EXPERIMENTS = 400
UNITS = 2_500
ALPHA = 1 - CONFIDENCE
LIMIT = math.log(1 / ALPHA)

SHARES: dict[str, Callable[[npt.NDArray[np.int64]], Any]] = {
    "half": lambda unit: np.full(len(unit), 0.5),
    "tenth": lambda unit: np.full(len(unit), 0.1),
    "widened": lambda unit: np.where(unit < 1_000, 0.05, np.where(unit < 1_800, 0.2, 0.8)),
}
SAMPLES = st.builds(
    SampleMean,
    n=st.integers(100, 10_000),
    mean=st.floats(-10, 10),
    deviation=st.floats(0.01, 10),
    skewness=st.floats(-1, 1),
)


def looked_at_all_the_time(
    champions: str, challengers: str, share: str, effect: float = 0.0
) -> tuple[SampleMean, SampleMean, float]:
    """Samples of both arms after every unit, ``[experiments, units]``, and the true difference of their means."""
    rng = np.random.default_rng(11)
    (draw, mean), (other, other_mean) = OUTCOMES[champions], OUTCOMES[challengers]
    shape = (EXPERIMENTS, UNITS)
    arms = growing(draw(rng, shape)), growing(other(rng, shape) + effect)
    challenged = rng.random(shape) < SHARES[share](np.arange(UNITS))
    champion, challenger = (
        at(arm, np.cumsum(mine, axis=1)) for arm, mine in zip(arms, (~challenged, challenged), strict=True)
    )
    return champion, challenger, other_mean + effect - mean


def told(champion: SampleMean, challenger: SampleMean, per_skewness: float = UNITS_PER_SKEWNESS) -> Any:
    """Whether anything is, after each unit."""
    arms = equally_skewed(champion, challenger)
    return arms[0].suffices(per_skewness) & arms[1].suffices(per_skewness)


def ever_missed(champion: SampleMean, challenger: SampleMean, difference: float, when: Any) -> float:
    """Share of experiments whose interval leaves the true difference after any unit."""
    with np.errstate(all="ignore"):  # of samples too small to be told of
        against = evidence_of_difference(champion, challenger, difference)
    return float(((against > LIMIT) & when).any(axis=1).mean())


@pytest.mark.parametrize(
    ("outcomes", "share"),
    [("normal", "half"), ("exponential", "tenth"), *((outcomes, "widened") for outcomes in OUTCOMES)],
)
def test_false_alarms_stay_below_alpha_when_peeked_at_after_every_unit(outcomes: str, share: str) -> None:
    """However skewed outcomes are, and however shares change."""
    champion, challenger, difference = looked_at_all_the_time(outcomes, outcomes, share)
    when = told(champion, challenger)
    assert difference == 0
    assert ever_missed(champion, challenger, 0.0, when) <= ALPHA
    assert when.any(axis=1).mean() > 0.5 or outcomes in {"very skewed", "mostly nothing"}  # of those it is silent


@pytest.mark.parametrize("pair", [("normal", "lognormal"), ("lognormal", "normal"), ("exponential", "mostly nothing")])
def test_the_true_difference_is_never_left_where_arms_are_unlike(pair: tuple[str, str]) -> None:
    """Of other variance, skewness and mean, in all but a share of alpha of the experiments."""
    champion, challenger, difference = looked_at_all_the_time(*pair, "widened")
    assert abs(difference) > 1
    assert ever_missed(champion, challenger, difference, told(champion, challenger)) <= ALPHA


def test_shares_that_follow_the_outcomes_do_not_deceive_it() -> None:
    """An operator who feeds the challenger until it looks well, and then the champion until that looks ill."""
    rng = np.random.default_rng(5)
    shape = (EXPERIMENTS, UNITS)
    champions, challengers = (growing(rng.normal(0.0, deviation, shape)) for deviation in (1.0, 3.0))
    counts = np.full((2, EXPERIMENTS, 1), 100)
    steps = []
    for _ in range(1_000):
        champion, challenger = at(champions, counts[0]), at(challengers, counts[1])
        well: Any = challenger.mean > challenger.deviation / np.sqrt(challenger.n)
        counts = counts + np.stack([well, ~well]) * 2
        steps.append(counts)
    n = np.concatenate(steps, axis=2)
    champion, challenger = at(champions, n[0]), at(challengers, n[1])
    assert ever_missed(champion, challenger, 0.0, told(champion, challenger)) <= ALPHA


def test_the_usual_test_would_alarm_far_too_often() -> None:
    """So the laws above can fail: an interval for one look does, on the same experiments."""
    champion, challenger, _ = looked_at_all_the_time("normal", "normal", "half")
    errors = [np.square(arm.deviation) / np.maximum(arm.n, 1) for arm in (champion, challenger)]
    z = np.subtract(challenger.mean, champion.mean) / np.maximum(np.sqrt(errors[0] + errors[1]), 1e-9)
    assert ((np.abs(z) > 1.96) & told(champion, challenger)).any(axis=1).mean() > 3 * ALPHA


def test_skewed_outcomes_would_deceive_it_without_waiting_for_them() -> None:
    """The rule that asks for more of them is needed."""
    champion, challenger, _ = looked_at_all_the_time("mostly nothing", "mostly nothing", "tenth")
    assert ever_missed(champion, challenger, 0.0, told(champion, challenger, 0.0)) > 1.5 * ALPHA


def test_a_small_arm_waits_for_what_the_other_has_seen() -> None:
    """Of what is rare and large, a tenth of the keys may have seen none: they would be sure of less."""
    rng = np.random.default_rng(12)
    shape = (EXPERIMENTS, UNITS)
    champions, challengers = (growing(rng.choice([0.0, 1.0, 20.0], shape, p=[0.5, 0.48, 0.02])) for _ in range(2))
    mine = np.cumsum(rng.random(shape) < 0.1, axis=1)
    champion, challenger = at(champions, 1 + np.arange(UNITS) - mine), at(challengers, mine)
    alone = champion.suffices(UNITS_PER_SKEWNESS) & challenger.suffices(UNITS_PER_SKEWNESS)
    assert ever_missed(champion, challenger, 0.0, told(champion, challenger)) <= ALPHA
    assert ever_missed(champion, challenger, 0.0, alone) > 1.5 * ALPHA
    rare, common = np.tile([0.0] * 49 + [20.0], 100), np.tile([0.0, 1.0], 50)
    assert lift_of_means(SampleMean.of(rare), SampleMean.of(common)) is None
    assert lift_of_means(SampleMean.of(common), SampleMean.of(rare)) is None


def test_a_lift_is_found() -> None:
    """Half a deviation in every experiment, and for good."""
    champion, challenger, difference = looked_at_all_the_time("normal", "normal", "half", effect=1.0)
    with np.errstate(all="ignore"):
        found = (evidence_of_difference(champion, challenger) > LIMIT) & told(champion, challenger)
    assert difference == 1
    assert found.any(axis=1).all()
    assert found[:, -1].all()
    assert np.median(found.argmax(axis=1)) < 500


@settings(max_examples=60, deadline=None)
@given(champion=SAMPLES, challenger=SAMPLES)
def test_interval_and_p_value_say_the_same(champion: SampleMean, challenger: SampleMean) -> None:
    """None is outside the interval exactly where its p-value is below alpha; at its ends evidence is at the limit."""
    found = lift_of_means(champion, challenger)
    assert found is not None
    difference = found.difference
    assert difference.low <= difference.value <= difference.high
    for end in (difference.low, difference.high):
        assert float(evidence_of_difference(champion, challenger, end)) == pytest.approx(LIMIT)
        assert _least_evidence(champion, challenger, lambda mean, end=end: mean + end) == pytest.approx(LIMIT, abs=1e-4)
    if abs(found.p_value - ALPHA) > 1e-6:
        assert (difference.low > 0 or difference.high < 0) == (found.p_value < ALPHA)


@settings(max_examples=60, deadline=None)
@given(champion=SAMPLES, challenger=SAMPLES)
def test_ratios_are_those_of_the_pairs_of_means_that_are_not_excluded(
    champion: SampleMean, challenger: SampleMean
) -> None:
    """At both ends the least evidence against any pair of that ratio is at the limit; none is told around 0."""
    found = lift_of_means(champion, challenger)
    assert found is not None
    near_nought = float(champion.evidence(0.0) - challenger.price / 2) <= LIMIT
    assert (found.relative is None) == (champion.mean <= 0 or near_nought)
    if found.relative is None:
        return
    relative = found.relative
    assert relative.low <= relative.value <= relative.high
    for end in (relative.low, relative.high):
        least = _least_evidence(champion, challenger, lambda mean, end=end: mean * (1 + end))
        assert least == pytest.approx(LIMIT, abs=1e-4)


@pytest.mark.parametrize(("n", "times"), [(100, 1.96), (1_000, 1.76), (10_000, 2.0), (100_000, 2.27)])
def test_to_look_all_the_time_costs_width(n: int, times: float) -> None:
    """So many times that of an interval which may be looked at once, where both arms have ``n`` keys."""
    values = np.tile([-1.0, 1.0], n // 2)
    found = lift_of_means(SampleMean.of(values), SampleMean.of(values))
    assert found is not None
    assert found.difference.high / (1.96 * values.std(ddof=1) * math.sqrt(2 / n)) == pytest.approx(times, abs=0.01)


def test_what_is_not_known_is_not_told() -> None:
    """Of one key, of few, of outcomes that are all alike, in either arm; what all keys share is no lift."""
    enough, alike = SampleMean.of(np.tile([0.0, 2.0], 200)), SampleMean.of(np.full(400, 7.0))
    for other in (SampleMean.of(np.array([])), SampleMean.of(np.ones(1)), SampleMean.of(np.arange(99.0)), alike):
        assert lift_of_means(enough, other) is None
        assert lift_of_means(other, enough) is None
    same = lift_of_means(enough, enough)
    assert same is not None
    assert (same.difference.value, same.p_value) == (0.0, 1.0)


def test_values_of_any_size_are_compared() -> None:
    """The largest and the smallest that a label may be; what is certain is a p-value of 0, and no traceback."""
    rng = np.random.default_rng(3)
    large, small = (SampleMean.of(rng.normal(1.0, 0.1, 500) * size) for size in (1e100, 1e-90))
    for champion, challenger in ((large, small), (small, large)):
        found = lift_of_means(champion, challenger)
        assert found is not None
        assert found.p_value < 1e-9
        assert found.relative is not None
        assert all(math.isfinite(figure) for figure in (found.difference.low, found.relative.low, found.relative.high))


def _least_evidence(champion: SampleMean, challenger: SampleMean, other: Callable[[float], float]) -> float:
    """Against any mean of the champion and what the challenger's is beside it, looked for."""

    def against(mean: float) -> float:
        return float(champion.evidence(mean) + challenger.evidence(other(mean)))

    return float(minimize_scalar(against, bracket=(champion.mean - 1, champion.mean + 1), options={"xtol": 1e-12}).fun)
