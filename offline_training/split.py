"""Splitting by time, with a gap in which no label of the earlier part could be known yet at the later one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.errors import DomainError


class Split(NamedTuple):
    """Row numbers of two parts of one history, and where they meet.

    ``later_at_us`` is the first instant of the later part, ``earlier_until_us`` the last that the earlier may have.
    """

    earlier: np.ndarray
    later: np.ndarray
    later_at_us: int
    earlier_until_us: int


def split_by_time(at_us: np.ndarray, *, gap_us: int, span_us: int) -> Split:
    """Rows of the last ``span_us`` (0: of the last instant), and those that end ``gap_us`` before the first of them."""
    is_later = at_us >= int(at_us.max()) - span_us
    later_at_us = int(at_us[is_later].min())
    until_us = later_at_us - max(gap_us, 1)  # without a gap, the instant itself is the later part's
    return Split(np.flatnonzero(at_us <= until_us), np.flatnonzero(is_later), later_at_us, until_us)


def outcomes_problem(labels: np.ndarray, n_classes: int) -> str | None:
    """What keeps a model of so many classes (0: of values) from being fitted on these labels; None where nothing does.

    A class that is not there could not be learned; a single value teaches nothing.
    """
    if len(labels) == 0:
        return "has no rows"
    found = np.unique(labels)
    if len(found) < 2:
        return f"all {len(labels)} rows have one label"
    if n_classes and len(found) < n_classes:
        absent = sorted(set(range(n_classes)) - set(found.astype(int).tolist()))
        return f"has no row of class {absent[0]}"
    return None


def require_outcomes(part: str, labels: np.ndarray, n_classes: int) -> None:
    """DomainError where a part of the split cannot be fitted or tested on."""
    problem = outcomes_problem(labels, n_classes)
    if problem is not None:
        raise DomainError(f"split: {part}", problem, "observe more, or longer than two horizons")
