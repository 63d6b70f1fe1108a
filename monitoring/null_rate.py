"""Two-proportion test of how often a value is null."""

from __future__ import annotations

import math

from scipy.stats import fisher_exact


class NullRate:
    """Share of nulls in a window against that in a reference, by Fisher's exact test.

    Exact, because nulls are rare where it matters: five in a window against none in training is news, and the
    normal approximation is wrong there. The effect size is Cohen's h, the distance of the two rates on the scale on
    which all rates have the same variance (0 → 1 % is 0.2, 50 → 60 % is 0.2 too).

    Parameters
    ----------
    nulls, rows
        Of the reference; ``0 <= nulls <= rows``, ``rows >= 1``.

    Examples
    --------
    >>> rate = NullRate(nulls=0, rows=5_000)
    >>> rate.update(nulls=20, rows=2_000)
    >>> rate.statistic, round(rate.effect_size, 3), rate.p_value < 1e-9
    (0.01, 0.2, True)

    References
    ----------
    R. A. Fisher, "Statistical Methods for Research Workers" (1934), §21.02. J. Cohen, "Statistical Power Analysis
    for the Behavioral Sciences" (1988), chapter 6.

    """

    def __init__(self, *, nulls: int, rows: int) -> None:
        self._nulls = nulls
        self._rows = rows
        self._rate = nulls / rows
        self._p_value = 1.0

    def update(self, *, nulls: int, rows: int) -> None:
        """Compare a window with the reference; the window before it is forgotten.

        Parameters
        ----------
        nulls, rows
            Of the window; ``rows >= 1``.

        """
        self._rate = nulls / rows
        table = [[nulls, rows - nulls], [self._nulls, self._rows - self._nulls]]
        self._p_value = float(fisher_exact(table)[1])

    @property
    def statistic(self) -> float:
        """The window's rate minus the reference's."""
        return self._rate - self._nulls / self._rows

    @property
    def effect_size(self) -> float:
        """Cohen's h, without its sign: between 0 and pi."""
        return abs(2 * math.asin(math.sqrt(self._rate)) - 2 * math.asin(math.sqrt(self._nulls / self._rows)))

    @property
    def p_value(self) -> float:
        """Chance of rates at least this far apart if both samples had one rate."""
        return self._p_value
