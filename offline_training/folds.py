"""Folds for cross-validation by time: each is tested on rows later than, and a label's horizon away from, its fit's."""

from __future__ import annotations

import numpy as np

from offline_training.split import Split, outcomes_problem, split_by_time


def expanding_folds(at_us: np.ndarray, n: int, *, gap_us: int, span_us: int) -> tuple[Split, ...]:
    """At most ``n`` splits of one history, the oldest first.

    The later parts lie one before the other and are ``span_us`` long (0: one instant each), the last at the end of the
    history; each earlier part is all that ends ``gap_us`` before its later one, so that it grows from fold to fold.
    """
    folds: list[Split] = []
    rows = np.arange(len(at_us))
    while len(folds) < n and len(rows):
        split = split_by_time(at_us[rows], gap_us=gap_us, span_us=span_us)
        if not len(split.earlier):
            break
        folds.append(split._replace(earlier=rows[split.earlier], later=rows[split.later]))
        rows = rows[at_us[rows] < split.later_at_us]
    return tuple(reversed(folds))


def fit_for_use(folds: tuple[Split, ...], labels: np.ndarray, n_classes: int) -> tuple[Split, ...]:
    """Those on which a model of so many classes (0: of values) can be fitted, and be measured on two outcomes."""
    return tuple(
        fold
        for fold in folds
        if not outcomes_problem(labels[fold.earlier], n_classes) and not outcomes_problem(labels[fold.later], 0)
    )


def thin_folds(folds: tuple[Split, ...], most: int, seed: int) -> tuple[Split, ...]:
    """The same with at most so many rows in each part, drawn by the seed."""
    generator = np.random.default_rng(seed)

    def some(rows: np.ndarray) -> np.ndarray:
        return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))

    return tuple(fold._replace(earlier=some(fold.earlier), later=some(fold.later)) for fold in folds)


def only_needed(folds: tuple[Split, ...]) -> tuple[np.ndarray, tuple[Split, ...]]:
    """The rows that some fold has, rising, and the same folds by numbers among them."""
    if not folds:
        return np.empty(0, np.intp), ()
    needed = np.unique(np.concatenate([rows for fold in folds for rows in (fold.earlier, fold.later)]))
    renumbered = (
        fold._replace(earlier=np.searchsorted(needed, fold.earlier), later=np.searchsorted(needed, fold.later))
        for fold in folds
    )
    return needed, tuple(renumbered)
