"""Two-sample Kolmogorov–Smirnov test against a reference that stays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import kstwo

Floats = npt.NDArray[np.float64]


class KolmogorovSmirnov:
    """Largest distance between the distribution of a window and that of a reference.

    The statistic D is also the effect size: the share of rows that would have to move. It does not depend on the
    unit of the values or on any monotone transformation of them. With ties the p-value is too large, never too small.

    Parameters
    ----------
    reference
        Values that windows are compared with, in any order, without NaN; at least one.

    Examples
    --------
    >>> test = KolmogorovSmirnov(np.arange(100.0))
    >>> test.update(np.arange(100.0) + 50.0)
    >>> test.statistic
    0.5
    >>> test.p_value < 1e-9
    True
    >>> test.update(np.arange(100.0))
    >>> test.statistic, test.p_value
    (0.0, 1.0)

    References
    ----------
    N. Smirnov, "Table for estimating the goodness of fit of empirical distributions", Annals of Mathematical
    Statistics 19 (1948) 279–281. p-value: J. L. Hodges, "The significance probability of the Smirnov two-sample
    test", Arkiv för Matematik 3 (1958) 469–486, as in ``scipy.stats.ks_2samp(method="asymp")``.

    """

    def __init__(self, reference: Floats) -> None:
        self._reference = np.sort(reference)
        self._statistic = 0.0
        self._p_value = 1.0

    def update(self, window: Floats) -> None:
        """Compare a window with the reference; the window before it is forgotten.

        Parameters
        ----------
        window
            Values in any order, without NaN. Empty: nothing can be said, the p-value is 1.

        """
        if not len(window):
            self._statistic, self._p_value = 0.0, 1.0
            return
        window = np.sort(window)
        points = np.concatenate((self._reference, window))
        below_reference = np.searchsorted(self._reference, points, side="right") / len(self._reference)
        below_window = np.searchsorted(window, points, side="right") / len(window)
        self._statistic = float(np.abs(below_reference - below_window).max())
        self._p_value = self._significance(len(window))

    @property
    def statistic(self) -> float:
        """D, between 0 (the same values) and 1 (no overlap)."""
        return self._statistic

    @property
    def p_value(self) -> float:
        """Chance of a D at least this large if both samples came from one continuous distribution."""
        return self._p_value

    def _significance(self, n_window: int) -> float:
        n_reference = len(self._reference)
        n_effective = round(n_reference * n_window / (n_reference + n_window))
        return float(np.clip(kstwo.sf(self._statistic, max(n_effective, 1)), 0.0, 1.0))
