"""Folds by time: later parts one before the other, a gap before each, earlier parts that grow."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offline_training.folds import expanding_folds, fit_for_use, only_needed, thin_folds

DAY_US = 86_400_000_000


def test_each_fold_is_tested_on_one_instant() -> None:
    """With a span of 0, from the newest back; the earlier parts end a gap before and grow."""
    at_us = np.repeat(np.arange(6) * 30 * DAY_US, 4)
    folds = expanding_folds(at_us, 3, gap_us=60 * DAY_US, span_us=0)
    assert [fold.later.tolist() for fold in folds] == [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]
    assert [len(fold.earlier) for fold in folds] == [8, 12, 16]


def test_a_short_history_has_fewer_folds() -> None:
    """None where no row lies a gap before another."""
    at_us = np.arange(4) * DAY_US
    assert len(expanding_folds(at_us, 9, gap_us=2 * DAY_US, span_us=0)) == 2
    assert expanding_folds(at_us, 9, gap_us=4 * DAY_US, span_us=0) == ()


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=60), st.integers(1, 5), st.integers(0, 40), st.integers(0, 30)
)
def test_no_row_of_a_fit_is_younger_than_the_gap(days: list[int], n: int, gap: int, span: int) -> None:
    """In whatever order the rows come; no row is tested twice, and none is both in a fold's fit and its test."""
    at_us = np.array(days) * DAY_US
    folds = expanding_folds(at_us, n, gap_us=gap * DAY_US, span_us=span * DAY_US)
    tested = [row for fold in folds for row in fold.later.tolist()]
    assert len(folds) <= n
    assert len(set(tested)) == len(tested)
    for fold in folds:
        assert at_us[fold.earlier].max() + gap * DAY_US <= at_us[fold.later].min()
        assert set(fold.earlier).isdisjoint(fold.later)
    assert [fold.later_at_us for fold in folds] == sorted({fold.later_at_us for fold in folds})


def test_folds_of_one_outcome_are_left_out() -> None:
    """Nothing can be fitted to one label, nor measured on one."""
    at_us = np.repeat(np.arange(5) * DAY_US, 2)
    labels = np.array([0, 1, 0, 1, 0, 1, 1, 1, 0, 1], dtype=np.float64)
    folds = expanding_folds(at_us, 4, gap_us=DAY_US, span_us=0)
    assert [fold.later.tolist() for fold in fit_for_use(folds, labels, 2)] == [[2, 3], [4, 5], [8, 9]]


def test_large_parts_are_thinned_by_the_seed() -> None:
    """Rows stay in order and in their part; small parts stay whole."""
    folds = expanding_folds(np.repeat(np.arange(6) * DAY_US, 10), 2, gap_us=DAY_US, span_us=0)
    (first, second), again, other = (thin_folds(folds, 15, seed) for seed in (1, 1, 2))
    for thin, whole in ((first, folds[0]), (second, folds[1])):
        assert len(thin.earlier) == 15
        assert set(thin.earlier) < set(whole.earlier)
        assert thin.earlier.tolist() == sorted(set(thin.earlier.tolist()))
        assert thin.later.tolist() == whole.later.tolist()
    assert first.earlier.tolist() == again[0].earlier.tolist() != other[0].earlier.tolist()


def test_rows_that_no_fold_has_can_be_left_out() -> None:
    """Each fold has the same rows as before, by other numbers."""
    at_us = np.arange(40)
    folds = thin_folds(expanding_folds(at_us, 2, gap_us=3, span_us=4), 5, seed=1)
    needed, renumbered = only_needed(folds)
    assert len(needed) < len(at_us)
    for fold, other in zip(folds, renumbered, strict=True):
        assert needed[other.earlier].tolist() == fold.earlier.tolist()
        assert needed[other.later].tolist() == fold.later.tolist()
    assert only_needed(())[1] == ()
