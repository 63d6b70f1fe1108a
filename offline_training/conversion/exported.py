"""A fitted model in the form that it is served in, with what its proof needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from features.shapley import Columns, Explanation


class Probes(NamedTuple):
    """Rows that would betray a wrong conversion. Every golden file holds the ``extremes``, and some of the others."""

    extremes: np.ndarray
    others: np.ndarray


class Exported(NamedTuple):
    """A model as it is served.

    ``onnx`` turns doubles ``[n, k]`` into raw scores ``[n, outputs]``. ``explanation`` is None where no exact
    contributions are known. ``probes`` makes its rows out of real ones. ``max_abs_diff`` is how far the raw scores may
    be off those of the training library, in parts of them where they are more than one: 0.0 is bit for bit; else
    golden rows hold what ONNX Runtime gives. ``shares`` are there where the explanation is of prepared columns: what
    part of each is each input's ``[p, k]``; ``columns_of`` makes them of a row.
    """

    onnx: bytes
    explanation: Explanation | None
    probes: Callable[[np.ndarray], Probes]
    max_abs_diff: float
    shares: np.ndarray | None = None
    columns_of: Columns | None = None
