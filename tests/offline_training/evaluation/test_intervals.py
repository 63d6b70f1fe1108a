"""Intervals: the same for the same seed, wide enough, and by whole entities."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.evaluation import intervals as room
from offline_training.evaluation.figures import measure
from offline_training.evaluation.intervals import intervals
from tests.offline_training.evaluation.made_up import binary


def test_the_interval_holds_the_figure_and_comes_from_the_seed() -> None:
    """Figures are those of the rows as they are."""
    outcomes = binary()
    found = intervals(outcomes, seed=1)
    assert {name: each.value for name, each in found.items()} == pytest.approx(measure(outcomes))
    assert all(each.low <= each.value <= each.high for each in found.values())
    assert found == intervals(outcomes, seed=1) != intervals(outcomes, seed=2)


def test_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In portions of a few rows the draws are the same; sums of another shape may round differently."""
    outcomes = binary(50)
    whole = intervals(outcomes, seed=1, resamples=40)
    monkeypatch.setattr(room, "_PORTION", 120)
    found = intervals(outcomes, seed=1, resamples=40)
    assert found.keys() == whole.keys()
    for name, each in found.items():
        for part in ("value", "low", "high"):
            assert getattr(each, part) == pytest.approx(getattr(whole[name], part), rel=1e-12)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    """Accuracy of a calibrated model is known: the mean certainty of its decisions."""
    held = 0
    for seed in range(100):
        outcomes = binary(300, seed=seed)
        found = intervals(outcomes, seed=0, resamples=100)["accuracy"]
        rng = np.random.default_rng(seed)
        scores = np.round(1 / (1 + np.exp(-1.5 * rng.normal(size=300))), 2)
        held += found.low <= np.maximum(scores, 1 - scores).mean() <= found.high
    assert held >= 88


def test_rows_of_one_entity_are_drawn_together() -> None:
    """The same rows ten times over say no more than once: their interval is that of one."""
    outcomes = binary(100)
    tenfold = outcomes.take(np.tile(np.arange(100), 10))
    alone = intervals(outcomes, seed=3)["accuracy"]
    together = intervals(tenfold._replace(units=np.tile(np.arange(100), 10)), seed=3)["accuracy"]
    apart = intervals(tenfold, seed=3)["accuracy"]
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
    assert apart.high - apart.low < 0.6 * (alone.high - alone.low)
