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
    """Of the allowed rows, the last quarter is later; where that has not every class, a quarter of each is, by lot.

    A class of two rows or more is in both parts, however rare it is, and a single row is both; of values, a third
    stands for a class.
    """
    classes = target.group_of if target.is_value else target.labels.astype(np.intp)
    at = at_us[allowed]
    border = np.quantile(at, 1.0 - _LATER_SHARE, method="higher")
    is_later = at >= border
    if not _whole(classes, allowed[~is_later]) or not _whole(classes, allowed[is_later]):
        is_later = _dealt(classes[allowed], seed)
    fit, later = allowed[~is_later], allowed[is_later]
    return Parts(
        _sample_of_all(classes, fit, MOST_FIT_ROWS, seed),
        _sample_of_all(classes, later if len(later) else fit, MOST_LATER_ROWS, seed + 1),
    )


def _whole(classes: Codes, rows: Codes) -> bool:
    return bool(np.isin(classes, classes[rows]).all())


def _dealt(classes: Codes, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each row is later: of a class with two rows or more, one at least."""
    draw, is_later = np.random.default_rng(seed), np.zeros(len(classes), np.bool_)
    for each in np.unique(classes):
        of_class = draw.permutation(np.flatnonzero(classes == each))
        is_later[of_class[: round(len(of_class) * _LATER_SHARE) or len(of_class) // 2]] = True
    return is_later


def _sample_of_all(classes: Codes, rows: Codes, most: int, seed: int) -> Codes:
    """A sample that has every class of the rows, were it by a row more."""
    some = sample(rows, most, seed)
    _, first = np.unique(classes[rows], return_index=True)
    lacking = [row for row in rows[first].tolist() if classes[row] not in classes[some]]
    return np.union1d(some, np.array(lacking, np.intp))


def sample(rows: Codes, most: int, seed: int) -> Codes:
    """At most so many of the rows, drawn without looking, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
