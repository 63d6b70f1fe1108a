"""Intervals of figures by a bootstrap that draws whole entities, from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from offline_training.estimate import Estimate
from offline_training.evaluation.figures import to_figures
from offline_training.evaluation.outcomes import Outcomes

Doubles = npt.NDArray[np.float64]

RESAMPLES: Final = 400
LEVELS: Final = (2.5, 97.5)
_PORTION = 2_000_000
"""Weights that are in memory at a time."""


def intervals(outcomes: Outcomes, *, seed: int, resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """Every figure that can be measured, with its 95 % interval.

    Rows of one entity are not independent, so whole entities are drawn (Poisson bootstrap).
    """
    return estimates(outcomes, to_figures(outcomes).of, seed=seed, resamples=resamples)


def estimates(
    outcomes: Outcomes, of: Callable[[Doubles], Mapping[str, Doubles]], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Estimate]:
    """The same of whatever figures a function of weights gives."""
    found = of(np.ones((1, len(outcomes.labels))))
    drawn = resampled(outcomes, of, seed=seed, resamples=resamples)
    return {name: estimate(float(values[0]), drawn[name]) for name, values in found.items() if np.isfinite(values[0])}


def resampled(
    outcomes: Outcomes, of: Callable[[Doubles], Mapping[str, Doubles]], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Doubles]:
    """What a function of weights gives under each resample of the rows."""
    parts = [of(weights) for weights in _draws(outcomes, seed, resamples)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def estimate(value: float, drawn: Doubles) -> Estimate:
    """A figure with the interval of its resamples; the figure itself where none could be measured."""
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, LEVELS) if len(known) else (value, value)
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)))


def _draws(outcomes: Outcomes, seed: int, resamples: int) -> Iterator[Doubles]:
    """Weights ``[b, n]`` of the rows, so many at a time as memory allows: how often each entity was drawn."""
    generator, n = np.random.default_rng(seed), len(outcomes.labels)
    units = None if outcomes.units is None else np.unique(outcomes.units, return_inverse=True)[1]
    n_units = n if units is None else int(units.max()) + 1
    at_once = max(1, _PORTION // n)
    for begin in range(0, resamples, at_once):
        drawn = generator.poisson(1.0, (min(at_once, resamples - begin), n_units)).astype(np.float64)
        yield drawn if units is None else drawn[:, units]
