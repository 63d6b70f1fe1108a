"""Integer division to the nearest double, for whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

EXACT = 2**53
"""Integers up to here are doubles."""


def divide(numerators: npt.NDArray[Any], denominators: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Correctly rounded quotients of integers, as Python's ``int / int`` gives them.

    Parameters
    ----------
    numerators, denominators
        One-dimensional, int64 or Python integers (dtype object); denominators are positive.

    Returns
    -------
    numpy.ndarray
        float64. Where both sides are exact as doubles one IEEE division rounds once; elsewhere Python divides.

    Examples
    --------
    >>> divide(np.array([1, 2**62 + 1]), np.array([3, 10])).tolist()
    [0.3333333333333333, 4.611686018427388e+17]

    """
    wide = (numerators > EXACT) | (numerators < -EXACT) | (denominators > EXACT)
    wide = wide.astype(bool)
    if not wide.any():
        return numerators.astype(np.float64) / denominators.astype(np.float64)
    quotients = np.empty(len(numerators), np.float64)
    narrow = ~wide
    quotients[narrow] = numerators[narrow].astype(np.float64) / denominators[narrow].astype(np.float64)
    quotients[wide] = [
        int(numerator) / int(denominator)
        for numerator, denominator in zip(numerators[wide], denominators[wide], strict=True)
    ]
    return quotients
