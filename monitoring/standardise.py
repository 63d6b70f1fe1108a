"""Values in units of their own spread, bounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Standardise:
    """z-values after the mean and standard deviation of a reference, held within ±``bound``.

    The bound keeps one absurd value of a heavy-tailed feature (a spend of a thousand times the usual) from moving a
    mean of fifty by itself. A reference that never varies has no spread: its values are then taken as they are, in
    distance from it.

    Parameters
    ----------
    reference
        Without NaN; at least one value.
    bound
        Largest |z|.

    Examples
    --------
    >>> z = Standardise(np.array([1.0, 3.0]))
    >>> z(np.array([2.0, 3.0, 1e9])).tolist()
    [0.0, 1.0, 5.0]

    """

    def __init__(self, reference: Floats, *, bound: float = 5.0) -> None:
        self._mean = float(reference.mean())
        self._spread = float(reference.std()) or 1.0
        self._bound = bound

    def __call__(self, values: Floats) -> Floats:
        """z-values of ``values``.

        Parameters
        ----------
        values
            In the unit of the reference.

        Returns
        -------
        numpy.ndarray
            Without unit, between -``bound`` and ``bound``.

        """
        return np.clip((values - self._mean) / self._spread, -self._bound, self._bound)
