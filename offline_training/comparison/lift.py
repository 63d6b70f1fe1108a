"""The difference between two rates, with an interval that may be looked at all the time.

For one arm with ``k`` positives among ``n``, the likelihood averaged over a Beta prior, divided by the likelihood of
the true rate, is a martingale that begins at 1, whatever the prior. So is the product over two arms, in whatever order
their units come and however the shares change meanwhile. By Ville's inequality it ever exceeds ``1 / alpha`` with a
probability of at most ``alpha``, and the pairs of rates at which it does not are a confidence region that holds at all
times at once. Nothing here is asymptotic; a prior that is near the truth only makes the region smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betaln, xlog1py, xlogy

from offline_training.comparison.report import Lift
from offline_training.estimate import Estimate

CONFIDENCE = 0.95
PRIOR_UNITS = 100.0
"""What is known of the rate beforehand weighs as much as so many units."""

_HALVINGS = 60
_MAX_RATIO = 1e6


class Tally(NamedTuple):
    """Units of an arm whose outcome is known, and how many of them are positive."""

    n: int
    positives: int

    @property
    def rate(self) -> float:
        """Share of positives; 0 without a unit."""
        return self.positives / self.n if self.n else 0.0


class Prior(NamedTuple):
    """The Beta distribution that both rates are sought in; uniform where nothing is known beforehand."""

    a: float = 1.0
    b: float = 1.0

    @classmethod
    def around(cls, rate: float) -> Prior:
        """Around a rate that was known before the first unit came."""
        return cls(1 + PRIOR_UNITS * rate, 1 + PRIOR_UNITS * (1 - rate))

    def evidence(self, tally: Tally, rate: Any) -> Any:
        """Logarithm of the martingale against a true rate; arrays give arrays."""
        k, others = tally.positives, np.subtract(tally.n, tally.positives)
        averaged = betaln(np.add(self.a, k), np.add(self.b, others)) - betaln(self.a, self.b)
        return averaged - xlogy(k, rate) - xlog1py(others, np.negative(rate))

    def evidence_of_difference(self, champion: Tally, challenger: Tally) -> Any:
        """Least evidence against any rate that both might have, which is that against their common one; arrays too."""
        n = np.add(champion.n, challenger.n)
        common = np.add(champion.positives, challenger.positives) / np.maximum(n, 1)
        return self.evidence(champion, common) + self.evidence(challenger, common)


UNIFORM = Prior()


def lift(champion: Tally, challenger: Tally, *, prior: Prior = UNIFORM, confidence: float = CONFIDENCE) -> Lift:
    """Challenger's rate against champion's.

    Parameters
    ----------
    champion, challenger
        One unit is one routing key, counted once.
    prior
        Chosen before the first unit came.
    confidence
        One minus the share of experiments in which an interval ever misses the truth.

    Returns
    -------
    Lift
        Difference, ratio minus one (None where the champion has no positive), and an always-valid p-value.

    Examples
    --------
    >>> found = lift(Tally(1_000, 100), Tally(1_000, 180))
    >>> 0.01 < found.difference.low < found.difference.value < found.difference.high < 0.16
    True

    References
    ----------
    Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", Ann. Math. Statist. 41 (1970): the
    method of mixtures. Johari, Koomen, Pekelis, Walsh, "Always Valid Inference: Continuous Monitoring of A/B Tests",
    Operations Research 70 (2022): its use (mSPRT). Waudby-Smith, Ramdas, "Confidence sequences for sampling without
    replacement", NeurIPS 2020: the same as a ratio of prior to posterior.

    """
    limit = -math.log(1 - confidence)

    def against(champions: float, challengers: float) -> float:
        return float(prior.evidence(champion, champions) + prior.evidence(challenger, challengers))

    def of_difference(delta: float) -> float:
        """Least evidence against any pair of rates so far apart."""
        return _least(lambda p: against(p, p + delta), max(0.0, -delta), min(1.0, 1.0 - delta))

    def of_ratio(log_ratio: float) -> float:
        """Least evidence against any pair of rates with this ratio."""
        ratio = math.exp(log_ratio)
        return _least(lambda p: against(p, p * ratio), 0.0, min(1.0, 1.0 / ratio))

    difference, relative = challenger.rate - champion.rate, None
    if champion.positives:
        log_max, ratio = math.log(_MAX_RATIO), challenger.rate / champion.rate
        middle = math.log(ratio) if ratio else -log_max
        low = math.exp(_edge(of_ratio, limit, middle, -log_max)) - 1 if ratio else -1.0
        relative = Estimate(
            value=ratio - 1,
            low=low,
            high=math.exp(_edge(of_ratio, limit, middle, log_max)) - 1,
        )
    return Lift(
        confidence=confidence,
        difference=Estimate(
            value=difference,
            low=_edge(of_difference, limit, difference, -1.0),
            high=_edge(of_difference, limit, difference, 1.0),
        ),
        relative=relative,
        p_value=math.exp(min(0.0, -float(prior.evidence_of_difference(champion, challenger)))),
    )


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Least value of a convex function on an interval."""
    if low >= high:
        return function(low)
    return float(minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).fun)


def _edge(function: Callable[[float], float], limit: float, inside: float, outside: float) -> float:
    """Where a convex function that is below a limit inside reaches it on the way out; outside, where it never does."""
    if function(outside) <= limit:
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if function(middle) <= limit:
            inside = middle
        else:
            outside = middle
    return outside
