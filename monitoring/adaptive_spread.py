"""ADWIN on |z|: a change of spread that left the mean where it was."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitoring.adaptive_mean import AdaptiveMean
from monitoring.standardise import Standardise

Floats = npt.NDArray[np.float64]


class AdaptiveSpread:
    """`AdaptiveMean` on |z|: a change of spread, which leaves the mean where it was.

    Parameters
    ----------
    reference, delta, block_rows
        As for `AdaptiveMean`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> detector = AdaptiveSpread(rng.normal(size=5_000), delta=1e-3)
    >>> detector.update(rng.normal(size=2_000) * 1.5)
    >>> detector.changed, detector.shift > 0.4
    (True, True)

    References
    ----------
    |z| as a measure of spread that outliers cannot capture: H. Levene, "Robust tests for equality of variances",
    Contributions to Probability and Statistics (1960) 278–292.

    """

    def __init__(self, reference: Floats, *, delta: float, block_rows: int = 50) -> None:
        self._z = Standardise(reference)
        self._mean = AdaptiveMean(np.abs(self._z(reference)), delta=delta, block_rows=block_rows)

    def update(self, values: Floats) -> None:
        """Take more of the stream.

        Parameters
        ----------
        values
            In order, without NaN, in the unit of the reference.

        """
        self._mean.update(np.abs(self._z(values)))

    @property
    def changed(self) -> bool:
        """Whether the last update showed a change."""
        return self._mean.changed

    @property
    def shift(self) -> float:
        """Change of the mean of |z|, in standard deviations of |z|."""
        return self._mean.shift
