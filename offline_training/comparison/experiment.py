"""Challenger against champion: each routing key counts once, for the arm that it began with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from features.routing import CHALLENGER, CHAMPION, Arm
from offline_training.comparison import mean_lift
from offline_training.comparison.instants import to_instant
from offline_training.comparison.lift import Prior, Tally, lift
from offline_training.comparison.outcomes import Joined
from offline_training.comparison.report import Experiment, ValuesExperiment
from offline_training.comparison.sample_mean import SampleMean


class _Counted(NamedTuple):
    """The newest challenger and the newest champion since both answer, and the outcomes of each, one a key."""

    versions: Mapping[Arm, str]
    since_us: int
    first_as_of_us: int
    outcomes: Mapping[Arm, npt.NDArray[np.float64]]

    @property
    def told(self) -> dict[str, Any]:
        """What is told of them whatever outcomes are."""
        return {
            "champion": self.versions[CHAMPION],
            "challenger": self.versions[CHALLENGER],
            "since": to_instant(self.since_us),
            "units": {arm: len(theirs) for arm, theirs in self.outcomes.items()},
        }


def experiment_of(joined: Joined, prior: Callable[[int], Prior] = lambda _: Prior()) -> Experiment | None:
    """Lift of a rate; None without a challenger. ``prior`` tells what was known of it at an instant (event time)."""
    counted = _counted(joined)
    if counted is None:
        return None
    tallies = {arm: Tally(len(theirs), int(theirs.sum())) for arm, theirs in counted.outcomes.items()}
    return Experiment(
        **counted.told,
        positives={arm: tally.positives for arm, tally in tallies.items()},
        lift=lift(tallies[CHAMPION], tallies[CHALLENGER], prior=prior(counted.first_as_of_us)),
    )


def values_experiment_of(joined: Joined) -> ValuesExperiment | None:
    """Lift of a mean; None without a challenger."""
    counted = _counted(joined)
    if counted is None:
        return None
    samples = {arm: SampleMean.of(theirs) for arm, theirs in counted.outcomes.items()}
    alike = mean_lift.equally_skewed(*samples.values())
    return ValuesExperiment(
        **counted.told,
        outcome_means={arm: sample.mean if sample.n else None for arm, sample in samples.items()},
        needed={arm: sample.needed(mean_lift.UNITS_PER_SKEWNESS) for arm, sample in zip(samples, alike, strict=True)},
        lift=mean_lift.lift_of_means(samples[CHAMPION], samples[CHALLENGER]),
    )


def _counted(joined: Joined) -> _Counted | None:
    """None without a challenger, or a champion beside it.

    A routing key counts for the arm that answered it first, by the first of its outcomes that is known: so each counts
    once, and keys that a change of shares has moved stay where they began.
    """
    champions, challengers = (joined.newest(arm) for arm in (CHAMPION, CHALLENGER))
    if champions is None or challengers is None:
        return None
    since_us = max(champions.scored_us[0], challengers.scored_us[0])
    versions = {CHAMPION: champions.version[0], CHALLENGER: challengers.version[0]}
    answered = np.array([versions.get(arm) == version for arm, version in zip(joined.arm, joined.version, strict=True)])
    rows = joined.take(answered & (joined.scored_us >= since_us))
    units, first = np.unique(rows.unit, return_index=True)
    began_as = dict(zip(units.tolist(), rows.arm[first].tolist(), strict=True))
    known = rows.known
    units, first = np.unique(known.unit, return_index=True)
    arms = np.array([began_as[unit] for unit in units.tolist()], dtype=object)
    outcomes = {arm: known.label[first][arms == arm] for arm in (CHAMPION, CHALLENGER)}
    return _Counted(versions, int(since_us), int(rows.as_of_us.min()), outcomes)
