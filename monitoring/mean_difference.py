"""Standardised mean difference: by how many σ a mean has moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def mean_difference(reference: Floats, window: Floats) -> float | None:
    """Mean of a window minus that of a reference, in standard deviations of the reference.

    Parameters
    ----------
    reference, window
        Values in one unit, without NaN.

    Returns
    -------
    float or None
        Without unit; None where either is empty or the reference never varies.

    Examples
    --------
    >>> mean_difference(np.array([1.0, 3.0]), np.array([3.0]))
    1.0

    References
    ----------
    G. V. Glass, "Primary, secondary, and meta-analysis of research", Educational Researcher 5 (1976) 3–8: the spread
    of the control group alone, so that a change of spread does not hide one of the mean.

    """
    if not len(reference) or not len(window):
        return None
    spread = float(reference.std())
    return float(window.mean() - reference.mean()) / spread if spread else None
