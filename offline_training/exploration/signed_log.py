"""A logarithm for values of either sign."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def signed_log(values: Doubles) -> Doubles:
    """``sign(x) · log(1 + |x|)``: order kept, tails drawn in."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
