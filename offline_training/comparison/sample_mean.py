"""The mean of outcomes without bounds, and the evidence against a true one, which may be looked at all the time.

Of ``n`` normal outcomes with a deviation ``s``, take the likelihood ratio of a shifted mean against the true one, and
average it over shifts that are drawn from a normal distribution around 0 with the variance ``s²/k``. Whatever ``k``, it
is a martingale that begins at 1, and where the sample mean lies off the true one by ``d`` its logarithm is half of
``d² / reach² - log(1 + n/k)`` with ``reach² = s²/n (1 + k/n)``. By Ville's inequality it ever exceeds ``1 / alpha``
with a probability of at most ``alpha``.

Outcomes need not be normal, nor their deviation known: sums of any independent outcomes of one distribution that has a
little more than a variance are, by a strong invariance principle, those of normal ones but for a rest that shrinks
beside them at all times at once, and the sample's deviation becomes the true one. That takes a while: how long depends
on the skewness, so nothing is said of a sample before it has as many units as its own skewness asks for. To be silent
for a while, for whatever reason, cannot make a miss.

``k`` is a constant and the shifts are measured in deviations, so nothing is tuned by what it is to judge.

References
----------
Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences",
Annals of Statistics 52 (2024): the Gaussian mixture. Robbins, "Statistical Methods Related to the Law of the Iterated
Logarithm", Ann. Math. Statist. 41 (1970): the mixture. Cochran, "Sampling Techniques" (1977), section 2.15: units by
the square of the skewness.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from offline_training.estimate import Estimate

Doubles = npt.NDArray[np.float64]

LEAST_UNITS: Final = 100
PRIOR_UNITS: Final = 100.0
"""Shifts that are looked for are as large as the error of a mean of so many units."""
UNITS_PER_SKEWNESS: Final = 100.0
"""Units that a mean needs by the square of its skewness, where a miss on either side is to stay below alpha."""

_ROUNDING: Final = 1e-12
"""Values that differ by less, beside the largest, are alike."""


class SampleMean(NamedTuple):
    """Mean, standard deviation and skewness of a sample; the latter are 0 where all values are alike.

    Evidence is computed with numpy, so that fields of many samples at once give arrays.
    """

    n: int
    mean: float
    deviation: float
    skewness: float

    @classmethod
    def of(cls, values: Doubles) -> SampleMean:
        """Of values whose differences are numbers, however large: they are scaled before they are squared."""
        n = len(values)
        if not n:
            return cls(0, 0.0, 0.0, 0.0)
        offsets = values - values[0]
        scale = float(np.abs(offsets).max())
        if scale <= _ROUNDING * float(np.abs(values).max()):
            return cls(n, float(values[0]), 0.0, 0.0)
        offsets /= scale
        middle = float(offsets.mean())
        centred = offsets - middle
        square = float((centred**2).mean())
        return cls(
            n=n,
            mean=float(values[0]) + scale * middle,
            deviation=scale * math.sqrt(square * n / (n - 1)),
            skewness=float((centred**3).mean()) / square**1.5,
        )

    def needed(self, per_skewness: float) -> int | None:
        """How many units it takes before evidence can be told; None where values that are alike tell of no spread."""
        return max(LEAST_UNITS, math.ceil(per_skewness * self.skewness**2)) if self.deviation else None

    def suffices(self, per_skewness: float) -> Any:
        """Whether there are so many."""
        wanted = np.maximum(LEAST_UNITS, per_skewness * np.square(self.skewness))
        return np.greater_equal(self.n, wanted) & np.greater(self.deviation, 0.0)

    @property
    def reach(self) -> Any:
        """In which distances from the true mean are measured."""
        return self.deviation * np.sqrt(np.add(self.n, PRIOR_UNITS)) / self.n

    @property
    def price(self) -> Any:
        """Of looking at all times: what is taken from the squared distance, in reaches."""
        return np.log1p(np.divide(self.n, PRIOR_UNITS))

    def evidence(self, mean: float) -> Any:
        """Logarithm of the martingale against a true mean."""
        return (np.square(np.subtract(self.mean, mean) / self.reach) - self.price) / 2


def asymptotic_mean(sample: SampleMean, *, confidence: float = 0.95) -> Estimate | None:
    """Mean with an interval that holds at whatever moment it is looked at.

    Parameters
    ----------
    sample
        Of values that are independent and of one distribution.
    confidence
        One minus the share of sequences in which the interval ever misses the mean, as the least number of units grows.

    Returns
    -------
    Estimate | None
        None before there are units enough.

    Examples
    --------
    >>> found = asymptotic_mean(SampleMean.of(np.tile([-1.0, 1.0], 5_000)))
    >>> -0.04 < found.low < found.value < found.high < 0.04
    True
    >>> asymptotic_mean(SampleMean.of(np.tile([-1.0, 1.0], 20))) is None
    True

    """
    if not sample.suffices(UNITS_PER_SKEWNESS):
        return None
    radius = float(sample.reach * np.sqrt(sample.price - 2 * math.log(1 - confidence)))
    return Estimate(value=sample.mean, low=sample.mean - radius, high=sample.mean + radius)
