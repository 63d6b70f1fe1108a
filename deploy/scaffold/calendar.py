"""When to observe, how far ahead to predict, over which windows to look back, by how long a history is."""

from __future__ import annotations

import math
from typing import NamedTuple

from features.durations import UNITS_US, parse_duration_us
from features.errors import DomainError

LADDER_US = tuple(
    parse_duration_us(text)
    for text in ("5m", "15m", "1h", "3h", "6h", "12h", "1d", "3d", "7d", "14d", "30d", "90d", "180d", "365d")
)
"""Lengths of time that people think in."""

HORIZONS = 8
"""How many horizons a history holds at least, where nobody chose one."""

MAX_INSTANTS = 24
TEST_ROWS = 200
SCORED = 3


class Calendar(NamedTuple):
    """All in microseconds; ``windows_us`` rise. Everybody is observed each ``step_us`` from ``start_us`` on."""

    horizon_us: int
    step_us: int
    start_us: int
    windows_us: tuple[int, ...]
    test_span_us: int
    train_at_us: int
    score_at_us: tuple[int, ...]


def make_calendar(first_us: int, last_us: int, *, entities: int, horizon_us: int | None = None) -> Calendar:
    """The calendar of a history; DomainError where it is too short to train and to test on."""
    span_us = last_us - first_us
    horizon_us = horizon_us or max((us for us in LADDER_US if us * HORIZONS <= span_us), default=LADDER_US[0])
    step_us = _rounded_up(max(horizon_us // 3, (span_us - 2 * horizon_us) // MAX_INSTANTS))
    start_us = _up_to(first_us + horizon_us, _unit_us(horizon_us))
    test_span_us = (min(4, math.ceil(TEST_ROWS / max(entities, 1))) - 1) * step_us
    instants = range(start_us, last_us - horizon_us + 1, step_us)
    scored = tuple(instants[-SCORED:])
    known = [at for at in instants if scored and at + horizon_us < scored[0]]
    if len(known) < 2 or known[-1] - test_span_us - horizon_us < start_us:
        covered = length(span_us - span_us % _unit_us(span_us))
        raise DomainError(
            "DATASET_SOURCE",
            f"the history covers {covered}, too little to predict {length(horizon_us)} ahead",
            f"bring one of at least {HORIZONS} such lengths, or say a shorter --horizon",
        )
    return Calendar(
        horizon_us=horizon_us,
        step_us=step_us,
        start_us=start_us,
        windows_us=_windows_us(horizon_us, span_us),
        test_span_us=test_span_us,
        train_at_us=scored[0],
        score_at_us=scored,
    )


def length(us: int) -> str:
    """A length of time as declarations write it, in the largest unit that it is a whole number of."""
    number, unit = in_units(us)
    return f"{number}{unit}"


def in_units(us: int) -> tuple[int, str]:
    """The same as a number and a unit."""
    unit, unit_us = max((unit for unit in UNITS_US.items() if us % unit[1] == 0), key=lambda unit: unit[1])
    return us // unit_us, unit


def _windows_us(horizon_us: int, span_us: int) -> tuple[int, ...]:
    """One as long as the horizon, a shorter and a longer one, as far as half the history reaches."""
    shorter = [us for us in LADDER_US if us < horizon_us][-1:]
    longer = [us for us in LADDER_US if us > horizon_us][:1]
    return tuple(us for us in (*shorter, horizon_us, *longer) if us * 2 <= span_us)


def _rounded_up(us: int) -> int:
    return _up_to(us, _unit_us(us))


def _unit_us(us: int) -> int:
    """The largest unit that fits in."""
    return max(unit for name, unit in UNITS_US.items() if unit <= us or name == "ms")


def _up_to(us: int, unit_us: int) -> int:
    return -(-us // unit_us) * unit_us
