"""What a contestant took under one kind of load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from features.errors import NotServingError

MOST_FAILED: Final = 0.01
NS_PER_MS: Final = 1e6


class Taken(NamedTuple):
    """Calls that were asked for, how long each took, how many came back without an answer, and the time of it all."""

    took_ns: list[int]
    failed: int
    seconds: float


class Latencies(NamedTuple):
    """The figures of some calls."""

    p50_ms: float
    p99_ms: float
    per_second: float
    calls: int
    failed: int


def to_latencies(name: str, rounds: Sequence[Taken]) -> Latencies:
    """Percentiles over the calls of all rounds; the pace is that of the median round.

    Raises
    ------
    NotServingError
        More than one call in a hundred came back without an answer.

    """
    took_ns = np.array([each for taken in rounds for each in taken.took_ns], np.int64)
    failed = sum(taken.failed for taken in rounds)
    if failed >= max(1, len(took_ns) * MOST_FAILED):
        raise NotServingError(name, f"did not answer {failed} of {failed + len(took_ns)} calls")
    p50_ns, p99_ns = np.percentile(took_ns, (50, 99))
    per_second = np.median([len(taken.took_ns) / taken.seconds for taken in rounds])
    return Latencies(
        p50_ms=round(float(p50_ns) / NS_PER_MS, 4),
        p99_ms=round(float(p99_ns) / NS_PER_MS, 4),
        per_second=round(float(per_second)),
        calls=len(took_ns),
        failed=failed,
    )
