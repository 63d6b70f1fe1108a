"""Mean of a column over the window, in which older events weigh less."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from features.aggregates.mean import Mean

ONE = 1 << 24
"""The weight of a tile of age 0."""

MAX_TILES = 10_000
"""Hops in a window, at most: each has a weight in the plan."""

_CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN)


class Ewma(Mean):
    """``Σ w·Σq / (Σ w·n · scale)`` over tiles, rounded once; null for an empty window.

    w halves with each half-life of a tile's age, which is counted in hops back from the one that the window ends in:
    `decay_weights`, an integer table that `millstream apply` makes and the plan keeps.
    """

    name = "ewma"
    weighted = True


def decay_weights(window_us: int, hop_us: int, half_life_us: int) -> tuple[int, ...]:
    """Weight of a tile by its age in hops.

    Parameters
    ----------
    window_us, hop_us, half_life_us
        Microseconds, all positive.

    Returns
    -------
    tuple of int
        ``2^24 · 2^(-age · hop / half-life)``, to the nearest integer and at least 1, for every age in a window. Made in
        decimal arithmetic of 50 digits, so that it is the same wherever it is made.

    Examples
    --------
    >>> decay_weights(4, 1, 2)
    (16777216, 11863283, 8388608, 5931642, 4194304)

    References
    ----------
    S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1(3), 1959; the weighting by
    age instead of by count: G. Cormode et al., "Forward decay", ICDE 2009.

    """
    ages = range(-(-window_us // hop_us) + 1)
    powers = (_CONTEXT.divide(Decimal(-age * hop_us), Decimal(half_life_us)) for age in ages)
    weights = (_CONTEXT.multiply(_CONTEXT.power(2, power), ONE) for power in powers)
    return tuple(max(1, int(weight.to_integral_value(ROUND_HALF_EVEN))) for weight in weights)
