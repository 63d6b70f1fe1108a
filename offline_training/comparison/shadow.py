"""The shadow against whoever answered, on the same requests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.routing import SHADOW
from offline_training.comparison.bounded_mean import bounded_mean
from offline_training.comparison.outcomes import Joined
from offline_training.comparison.report import ShadowReport, ValuesShadowReport
from offline_training.comparison.sample_mean import UNITS_PER_SKEWNESS, SampleMean, asymptotic_mean

_LARGEST: Final = 1e300
"""Of differences of squared errors: what they differ by, and an interval around their mean, are numbers still."""


class _Paired(NamedTuple):
    """Records of the newest shadow and the answers to the same requests.

    ``gains`` are the shadow's squared errors minus the answers', one a routing key, by its first outcome.
    """

    shadows: Joined
    answers: Joined
    gains: npt.NDArray[np.float64]

    @property
    def told(self) -> dict[str, Any]:
        """What is told of them whatever outcomes are."""
        with np.errstate(over="ignore", invalid="ignore"):
            differences = self.shadows.score - self.answers.score
        return {
            "pairs": len(differences),
            "mean_score_difference": _mean(differences),
            "mean_absolute_difference": _mean(np.abs(differences)),
            "outcomes": len(self.gains),
        }


def shadow_of(joined: Joined, *, most_wrong: float = 1.0) -> ShadowReport | None:
    """By probabilities and decisions; None without a shadow. ``most_wrong`` is the largest squared error of a score."""
    newest = joined.newest(SHADOW)
    if newest is None:
        return None
    paired = _paired(joined, newest)
    alike = paired.shadows.decision == paired.answers.decision
    return ShadowReport(
        version=str(newest.version[0]),
        **paired.told,
        agreement=float(alike.mean()) if len(alike) else None,
        brier_difference=bounded_mean(paired.gains, -most_wrong, most_wrong) if len(paired.gains) else None,
    )


def values_shadow_of(joined: Joined) -> ValuesShadowReport | None:
    """By values, of whose squared errors nobody knows a bound; None without a shadow."""
    newest = joined.newest(SHADOW)
    if newest is None:
        return None
    paired = _paired(joined, newest)
    sample = SampleMean.of(paired.gains) if (np.abs(paired.gains) <= _LARGEST).all() else None
    return ValuesShadowReport(
        version=str(newest.version[0]),
        **paired.told,
        needed=sample.needed(UNITS_PER_SKEWNESS) if sample else None,
        squared_error_difference=asymptotic_mean(sample) if sample else None,
    )


def _paired(joined: Joined, newest: Joined) -> _Paired:
    answered = joined.take(joined.arm != SHADOW)
    rows = {request: row for row, request in enumerate(_requests(answered))}
    pairs = [(row, rows[request]) for row, request in enumerate(_requests(newest)) if request in rows]
    at = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    shadows, answers = newest.take(at[:, 0]), answered.take(at[:, 1])
    known = np.flatnonzero(~np.isnan(shadows.squared_error) & ~np.isnan(answers.squared_error))
    first = known[np.unique(shadows.unit[known], return_index=True)[1]]
    first.sort()
    with np.errstate(invalid="ignore"):
        gains = shadows.squared_error[first] - answers.squared_error[first]
    return _Paired(shadows, answers, gains)


def _requests(rows: Joined) -> Iterator[tuple[str, int, int]]:
    """What tells requests apart: callers may use an id for several."""
    return zip(rows.request_id.tolist(), rows.as_of_us.tolist(), rows.unit.tolist(), strict=True)


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    """None of nothing, and where no number can hold it."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean()) if len(values) else math.nan
    return mean if math.isfinite(mean) else None
