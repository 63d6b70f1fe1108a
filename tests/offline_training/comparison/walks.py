"""Samples as they grow, of many experiments at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from offline_training.comparison.sample_mean import SampleMean

Doubles = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Doubles]

OUTCOMES: Mapping[str, tuple[Draw, float]] = MappingProxyType(
    {
        "normal": (lambda rng, shape: rng.normal(3.0, 2.0, shape), 3.0),
        "exponential": (lambda rng, shape: rng.exponential(5.0, shape), 5.0),
        "lognormal": (lambda rng, shape: rng.lognormal(0.0, 1.0, shape), float(np.exp(0.5))),
        "very skewed": (lambda rng, shape: rng.lognormal(0.0, 1.5, shape), float(np.exp(1.125))),
        "mostly nothing": (
            lambda rng, shape: rng.lognormal(0.0, 1.0, shape) * (rng.random(shape) < 0.05),
            0.05 * float(np.exp(0.5)),
        ),
    }
)
"""What outcomes may be like, and their means: the last as money that few spend."""


def growing(values: Doubles) -> SampleMean:
    """Of each row of values, the sample of the first one, two, and so on: fields are ``[rows, n]``."""
    n = np.arange(1, values.shape[1] + 1)
    middle = values.mean()
    first, second, third = (np.cumsum((values - middle) ** power, axis=1) / n for power in (1, 2, 3))
    square = np.maximum(second - first**2, 0.0)
    spread = square > 1e-9
    cube = third - 3 * first * second + 2 * first**3
    fields: tuple[Any, ...] = (
        np.broadcast_to(n, values.shape),
        middle + first,
        np.where(spread, np.sqrt(square * n / np.maximum(n - 1, 1)), 0.0),
        np.divide(cube, square**1.5, out=np.zeros_like(cube), where=spread),
    )
    return SampleMean(*fields)


def at(samples: SampleMean, n: npt.NDArray[np.int64]) -> SampleMean:
    """Samples of ``n`` values, ``[rows, looks]``; those of none are as little as those of one."""
    return SampleMean(*(np.take_along_axis(np.asarray(field), np.maximum(n - 1, 0), axis=1) for field in samples))
