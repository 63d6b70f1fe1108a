"""How far a model's leading figure falls where an input is missing, or measured less exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from features.vector import MissingPolicy
from offline_training.evaluation.figures import LEADING, gain, measure
from offline_training.evaluation.outcomes import Outcomes

Score = Callable[[np.ndarray], np.ndarray]
"""Scores of rows."""

MOST_ROWS: Final = 10_000
"""Of the tested rows, so many are disturbed, evenly spread."""

NOISE: Final = (0.01, 0.05, 0.1, 0.25)
"""In standard deviations of each input."""


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done to the tested rows, the figure then, and how much worse that is."""

    what: str
    figure: str
    value: float
    loss: float


def robustness(
    score: Score, rows: np.ndarray, names: Sequence[str], outcomes: Outcomes, missing: MissingPolicy, *, seed: int
) -> tuple[Disturbance, ...]:
    """Each input knocked out, the most needed first; then noise on all of them, the least first.

    An input that is out is what the missing-value policy puts in its place; where that refuses such a request, the
    median of the tested rows.
    """
    some = np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)
    rows, outcomes, figure = rows[some], outcomes.take(some), LEADING[outcomes.task]
    whole = measure(outcomes)[figure]

    def disturbed(what: str, changed: np.ndarray) -> Disturbance:
        value = measure(outcomes._replace(scores=score(changed)))[figure]
        return Disturbance(what=what, figure=figure, value=value, loss=gain(figure, whole, value))

    knocked_out = [disturbed(f"without {name}", changed) for name, changed in _knock_outs(rows, names, missing)]
    noisy = [disturbed(f"noise of {level:g} σ", changed) for level, changed in _noises(rows, seed)]
    return (*sorted(knocked_out, key=lambda each: -each.loss), *noisy)


def _knock_outs(rows: np.ndarray, names: Sequence[str], missing: MissingPolicy) -> Iterator[tuple[str, np.ndarray]]:
    for i, name in enumerate(names):
        remedy = missing.features.get(name, missing.default)
        changed = rows.copy()
        known = rows[~np.isnan(rows[:, i]), i]
        fallback = float(np.median(known)) if len(known) else np.nan
        changed[:, i] = {"nan": np.nan, "fail": fallback}.get(remedy, remedy) if isinstance(remedy, str) else remedy
        yield name, changed


def _noises(rows: np.ndarray, seed: int) -> Iterator[tuple[float, np.ndarray]]:
    known = ~np.isnan(rows)
    spreads = np.array([rows[known[:, i], i].std() if known[:, i].any() else 0.0 for i in range(rows.shape[1])])
    noise = np.random.default_rng(seed).standard_normal(rows.shape) * spreads
    for level in NOISE:
        yield level, rows + level * noise
