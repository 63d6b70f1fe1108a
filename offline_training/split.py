"""Splitting by time, with a gap in which no label of the earlier part could be known yet at the later one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.errors import DomainError


class Split(NamedTuple):
    """Row numbers of two parts of one history; ``later_at_us`` is the first instant of the later part."""

    earlier: np.ndarray
    later: np.ndarray
    later_at_us: int


def split_by_time(at_us: np.ndarray, *, gap_us: int, span_us: int) -> Split:
    """Rows of the last ``span_us`` (0: of the last instant), and those that end ``gap_us`` before the first of them."""
    is_later = at_us >= int(at_us.max()) - span_us
    later_at_us = int(at_us[is_later].min())
    return Split(np.flatnonzero(at_us + gap_us <= later_at_us), np.flatnonzero(is_later), later_at_us)


def require_both_outcomes(part: str, labels: np.ndarray) -> None:
    """DomainError where a part of the split is empty, or has one outcome only."""
    if len(labels) == 0:
        raise DomainError(f"split: {part}", "has no rows", "is the history longer than two label horizons?")
    if len(np.unique(labels)) < 2:
        raise DomainError(f"split: {part}", f"all {len(labels)} rows have one label", "observe more, or longer")
