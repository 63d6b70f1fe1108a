"""The mean of a bounded quantity, with an interval that may be looked at all the time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from offline_training.estimate import Estimate

_MAX_BET = 0.5


def bounded_mean(values: npt.NDArray[np.float64], low: float, high: float, *, confidence: float = 0.95) -> Estimate:
    """Mean of values that come one after another, by a predictable plug-in empirical-Bernstein confidence sequence.

    Parameters
    ----------
    values
        In the order in which they came; each has the same mean given those before it, and lies in ``[low, high]``.
    low, high
        Bounds that are known beforehand.
    confidence
        One minus the share of sequences in which the interval ever misses the mean.

    Returns
    -------
    Estimate
        The mean, and the intersection of all intervals so far; without a value the bounds.

    Examples
    --------
    >>> found = bounded_mean(np.tile([0.0, 1.0], 5_000), 0.0, 1.0)
    >>> 0.45 < found.low < found.value < found.high < 0.55
    True

    References
    ----------
    Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024), theorem 2.

    """
    n = len(values)
    if not n:
        return Estimate(value=(low + high) / 2, low=low, high=high)
    x = (values - low) / (high - low)
    t = np.arange(1, n + 1)
    log_odds = math.log(2 / (1 - confidence))
    means = (0.5 + np.cumsum(x)) / (t + 1)
    spreads = (0.25 + np.cumsum((x - means) ** 2)) / (t + 1)
    means_before = np.concatenate([[0.5], means[:-1]])
    spreads_before = np.concatenate([[0.25], spreads[:-1]])
    bets = np.minimum(np.sqrt(2 * log_odds / (spreads_before * t * np.log1p(t))), _MAX_BET)
    staked = np.cumsum(bets)
    costs = np.cumsum((x - means_before) ** 2 * (-np.log1p(-bets) - bets))
    centres, radii = np.cumsum(bets * x) / staked, (log_odds + costs) / staked
    lowest, highest = np.clip(np.max(centres - radii), 0, 1), np.clip(np.min(centres + radii), 0, 1)
    scale = high - low
    return Estimate(value=float(values.mean()), low=float(low + scale * lowest), high=float(low + scale * highest))
