"""The lift's interval: it holds however often one looks, and finds what is there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_training.comparison.lift import CONFIDENCE, Prior, Tally, lift

EXPERIMENTS = 400
UNITS = 1_500
ALPHA = 1 - CONFIDENCE
PRIORS = [Prior(), Prior.around(0.05), Prior.around(0.5)]
TALLIES = st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))).map(lambda pair: Tally(*pair))


def looked_at_all_the_time(rates: tuple[float, float], share: float, seed: int) -> tuple[Tally, Tally]:
    """Tallies of many experiments after every unit: arrays ``[experiments, units]``."""
    rng = np.random.default_rng(seed)
    shape = (EXPERIMENTS, UNITS)
    challenged = rng.random(shape) < share
    positive = rng.random(shape) < np.where(challenged, rates[1], rates[0])
    return tuple(
        Tally(np.cumsum(arm, axis=1), np.cumsum(arm & positive, axis=1))  # type: ignore[arg-type]  # arrays stand in
        for arm in (~challenged, challenged)
    )


@pytest.mark.parametrize(
    ("prior", "rate"), [(PRIORS[0], 0.005), (PRIORS[0], 0.5), (PRIORS[1], 0.05), (PRIORS[1], 0.3), (PRIORS[2], 0.05)]
)
def test_false_alarms_stay_below_alpha_when_peeked_at_after_every_unit(prior: Prior, rate: float) -> None:
    """Whatever the rate and whatever the prior; the usual test, looked at so often, alarms in a third and more."""
    champion, challenger = looked_at_all_the_time((rate, rate), 0.3, seed=1)
    ever = (prior.evidence_of_difference(champion, challenger) > math.log(1 / ALPHA)).any(axis=1)
    assert ever.mean() <= ALPHA


def test_the_usual_test_would_alarm_far_too_often() -> None:
    """So the law above can fail: the z-test on the same experiments does."""
    champion, challenger = looked_at_all_the_time((0.05, 0.05), 0.3, seed=1)
    with np.errstate(all="ignore"):
        p, q = champion.positives / champion.n, challenger.positives / challenger.n  # type: ignore[operator]
        z = (q - p) / np.sqrt(p * (1 - p) / champion.n + q * (1 - q) / challenger.n)
    assert (np.abs(z[:, 100:]) > 1.96).any(axis=1).mean() > 3 * ALPHA


@pytest.mark.parametrize("rates", [(0.1, 0.14), (0.02, 0.01)])
def test_the_true_pair_of_rates_is_never_left(rates: tuple[float, float]) -> None:
    """In all but a share of alpha of the experiments, at all times at once."""
    champion, challenger = looked_at_all_the_time(rates, 0.5, seed=2)
    prior = Prior.around(rates[0])
    against = prior.evidence(champion, rates[0]) + prior.evidence(challenger, rates[1])
    assert (against > math.log(1 / ALPHA)).any(axis=1).mean() <= ALPHA


@settings(max_examples=12, deadline=None)
@given(champion=TALLIES, challenger=TALLIES, prior=st.sampled_from(PRIORS))
def test_interval_and_p_value_say_the_same(champion: Tally, challenger: Tally, prior: Prior) -> None:
    """No difference lies outside the interval exactly where its p-value is below alpha; figures lie inside."""
    found = lift(champion, challenger, prior=prior)
    difference = found.difference
    assert -1 <= difference.low <= difference.value <= difference.high <= 1
    if abs(found.p_value - ALPHA) > 1e-6:
        assert (difference.low > 0 or difference.high < 0) == (found.p_value < ALPHA)
    if found.relative is not None:
        assert found.relative.low <= found.relative.value <= found.relative.high


def test_a_lift_is_found() -> None:
    """Ten percent against fifteen are told apart by two thousand units each; by a hundred they are not."""
    many, few = (lift(Tally(n, n // 10), Tally(n, n * 15 // 100), prior=Prior.around(0.1)) for n in (2_000, 100))
    assert many.difference.low > 0
    assert many.p_value < 0.01
    assert many.relative is not None
    assert 0 < many.relative.low < 0.5 < many.relative.high
    assert few.difference.low < 0 < few.difference.high


def test_nothing_is_known_of_nobody() -> None:
    """Without a unit the interval is all there is."""
    found = lift(Tally(0, 0), Tally(0, 0))
    assert (found.difference.low, found.difference.high, found.relative, found.p_value) == (-1.0, 1.0, None, 1.0)
