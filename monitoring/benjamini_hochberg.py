"""Benjamini–Hochberg: how many of many tests to believe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def adjusted_p_values(p_values: Sequence[float]) -> npt.NDArray[np.float64]:
    """p-values corrected for the number of tests, in the order given.

    Believing those at most q keeps the expected share of false ones among them at most q; where nothing at all has
    changed, it is the chance of believing any. Holds for independent tests and for positively dependent ones, which
    features of one entity are.

    Parameters
    ----------
    p_values
        One per test of the family, each between 0 and 1.

    Returns
    -------
    numpy.ndarray
        The least false discovery rate at which each test would be believed.

    Examples
    --------
    >>> adjusted_p_values([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]

    References
    ----------
    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate: a practical and powerful approach to
    multiple testing", Journal of the Royal Statistical Society B 57 (1995) 289–300. Adjusted form: D. Yekutieli and
    Y. Benjamini, Journal of Statistical Planning and Inference 82 (1999) 171–196.

    """
    p = np.asarray(p_values, dtype=np.float64)
    n_tests = len(p)
    if not n_tests:
        return p
    largest_first = np.argsort(p)[::-1]
    ranks = np.arange(n_tests, 0, -1)
    stepped_up = np.minimum.accumulate(p[largest_first] * n_tests / ranks)
    adjusted = np.empty(n_tests)
    adjusted[largest_first] = np.minimum(stepped_up, 1.0)
    return adjusted
