"""Numbers as integers in units of their last declared decimal, which is how the engine adds them up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.plan import ColumnPlan

QUANTISED_LIMIT = 2**52
"""A quantised number is strictly between minus this and this, so that doubles hold it exactly."""


def quantise(values: npt.NDArray[np.float64], decimals: int) -> npt.NDArray[np.float64]:
    """Numbers in units of their last declared decimal: ``rint(v · 10^decimals)``, NaN where null.

    Parameters
    ----------
    values
        Doubles as they were sent; NaN is null.
    decimals
        Number of decimals that are kept, from 0 to 22.

    Returns
    -------
    numpy.ndarray
        Whole doubles, ties to even. Where their magnitude is below ``QUANTISED_LIMIT`` they are exact integers;
        all others are to be refused.

    Examples
    --------
    >>> quantise(np.array([1.005, -0.125]), 2).tolist()
    [100.0, -12.0]

    """
    with np.errstate(over="ignore"):
        return np.rint(values * float(10**decimals))


def integer_bounds(column: ColumnPlan) -> tuple[int, int]:
    """Least and greatest integer that a column of integers may hold.

    Parameters
    ----------
    column
        Of the type int32 or int64; its decimals, where it has any, count.

    Returns
    -------
    tuple of int
        Both belong to the range.

    Examples
    --------
    >>> integer_bounds(ColumnPlan(name="n", type="int32", nullable=False, decimals=0))
    (-2147483648, 2147483647)

    """
    bits = 31 if column.type == "int32" else 63
    least, most = -(2**bits), 2**bits - 1
    if column.decimals is None:
        return least, most
    limit = (QUANTISED_LIMIT - 1) // 10**column.decimals
    return max(least, -limit), min(most, limit)
