"""Which rows an exploration may ask about the label, and how many it looks at."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from offline_training.exploration.target import Target

Codes = npt.NDArray[np.intp]

MOST_FIT_ROWS: Final = 10_000
MOST_LATER_ROWS: Final = 3_000
MOST_DRAWN_ROWS: Final = 1_500
MOST_CORRELATED_ROWS: Final = 20_000
_LATER_SHARE = 0.25


class Parts(NamedTuple):
    """Row numbers: earlier ones to fit on, later ones to try on."""

    fit: Codes
    later: Codes


def parts_of(target: Target, at_us: npt.NDArray[np.int64], allowed: Codes, seed: int) -> Parts:
    """Of the allowed rows, the last quarter is later; where that has not every group, rows are dealt at random."""
    at = at_us[allowed]
    border = np.quantile(at, 1.0 - _LATER_SHARE, method="higher")
    is_later = at >= border
    if not _whole(target, allowed[~is_later]) or not _whole(target, allowed[is_later]):
        is_later = np.random.default_rng(seed).random(len(allowed)) < _LATER_SHARE
    return Parts(sample(allowed[~is_later], MOST_FIT_ROWS, seed), sample(allowed[is_later], MOST_LATER_ROWS, seed + 1))


def sample(rows: Codes, most: int, seed: int) -> Codes:
    """At most so many of the rows, drawn without looking, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _whole(target: Target, rows: Codes) -> bool:
    counts = np.bincount(target.group_of[rows], minlength=len(target.groups))
    present = np.bincount(target.group_of, minlength=len(target.groups)) > 0
    return bool(len(rows)) and bool((counts[present] > 0).all())
