"""The difference between two means of outcomes without bounds, with an interval that may be looked at all the time.

Each arm has evidence against its true mean (`offline_training.comparison.sample_mean`). The sum over both is the
logarithm of a product of two martingales, and so of a martingale, in whatever order units come and whoever changes the
shares meanwhile for whatever reason: an arm's next unit moves one factor, and leaves the other. The pairs of means
against which the sum stays below ``log(1 / alpha)`` are an ellipse, which holds at all times; differences and ratios
of such pairs make up the intervals.

There are other ways. One interval for each arm, at half of alpha, is as safe, and a fifth to two fifths wider where
arms are alike. One mixture over the difference alone, by its information ``1 / (s1²/n1 + s0²/n0)``, is a tenth to a
fifth narrower (both at 500 to 100,000 units an arm); but the difference is a Brownian motion on that clock only where
shares do not follow how either arm does by itself, which nobody can promise of an operator who looks. Weights by the
inverse of the shares would need the share at which each key was dealt, which no score record holds.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from offline_training.comparison.lift import CONFIDENCE
from offline_training.comparison.report import Lift
from offline_training.comparison.sample_mean import SampleMean
from offline_training.estimate import Estimate

UNITS_PER_SKEWNESS: Final = 25.0
"""Units that each of two means needs by the square of the skewness: that of their difference is less, or one of them
adds little to it, and the ellipse is wider than either difference needs."""


def equally_skewed(champion: SampleMean, challenger: SampleMean) -> tuple[SampleMean, SampleMean]:
    """Both with the skewness of the more skewed; arrays too.

    An arm of few units may have seen none of what is rare and large: its own sample is then little skewed, and sure of
    a mean that is far off. Mostly the other arm, which has more units, has seen some.
    """
    skewness = np.maximum(np.abs(champion.skewness), np.abs(challenger.skewness))
    return champion._replace(skewness=skewness), challenger._replace(skewness=skewness)


def lift_of_means(champion: SampleMean, challenger: SampleMean, *, confidence: float = CONFIDENCE) -> Lift | None:
    """Challenger's mean against champion's.

    Parameters
    ----------
    champion, challenger
        One unit is one routing key, counted once.
    confidence
        One minus the share of experiments in which an interval ever misses the truth, as the least number of units
        grows.

    Returns
    -------
    Lift | None
        Difference, ratio minus one (None where the champion's mean may be 0 or less), and an always-valid p-value.
        None before both arms have units enough.

    Examples
    --------
    >>> import numpy as np
    >>> some, more = (SampleMean.of(np.tile([low, low + 20.0], 1_000)) for low in (90.0, 95.0))
    >>> found = lift_of_means(some, more)
    >>> 3 < found.difference.low < 5 < found.difference.high < 7
    True

    References
    ----------
    Fieller, "Some problems in interval estimation", JRSS B 16 (1954): intervals of ratios.

    """
    if not all(arm.suffices(UNITS_PER_SKEWNESS) for arm in equally_skewed(champion, challenger)):
        return None
    limit = math.sqrt(champion.price + challenger.price - 2 * math.log(1 - confidence))
    difference, radius = challenger.mean - champion.mean, limit * math.hypot(champion.reach, challenger.reach)
    return Lift(
        confidence=confidence,
        difference=Estimate(value=difference, low=difference - radius, high=difference + radius),
        relative=_relative(champion, challenger, limit),
        p_value=math.exp(min(0.0, -float(evidence_of_difference(champion, challenger)))),
    )


def evidence_of_difference(champion: SampleMean, challenger: SampleMean, difference: float = 0.0) -> Any:
    """Least evidence against any pair of means so far apart; arrays too."""
    distance = (np.subtract(challenger.mean, champion.mean) - difference) / np.hypot(champion.reach, challenger.reach)
    return (np.square(distance) - champion.price - challenger.price) / 2


def _relative(champion: SampleMean, challenger: SampleMean, limit: float) -> Estimate | None:
    """Ratios of the pairs of means in the ellipse, minus one: they are bounded where it does not reach 0."""
    if champion.mean <= limit * champion.reach:
        return None
    ratio = challenger.mean / champion.mean
    below, above = (float(limit * arm.reach / champion.mean) for arm in (champion, challenger))
    rest = (1 - below) * (1 + below)
    root = math.hypot(below * ratio, above * math.sqrt(rest))
    return Estimate(value=ratio - 1, low=(ratio - root) / rest - 1, high=(ratio + root) / rest - 1)
