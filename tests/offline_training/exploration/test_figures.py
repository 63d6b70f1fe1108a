"""The figures of an exploration, against what they must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from offline_training.exploration.bins import binned, contingency, edges_of
from offline_training.exploration.charts.canvas import clipped
from offline_training.exploration.correlation import alike_together, close_pairs, rank_correlations
from offline_training.exploration.importance import Importance
from offline_training.exploration.parts import MOST_FIT_ROWS, MOST_LATER_ROWS, parts_of
from offline_training.exploration.periods import LEAST_ROWS, periods_of, stability
from offline_training.exploration.profile import duplicates, profiles
from offline_training.exploration.recommendation import recommended
from offline_training.exploration.reduction import components
from offline_training.exploration.target import Target, short_names

DAY_US = 86_400_000_000
RANDOM = np.random.default_rng(4)


def test_rank_correlations_are_those_of_pandas_where_nothing_is_null() -> None:
    """And near them where something is: ranks are taken once for a column, not anew for each pair."""
    rows = RANDOM.normal(size=(500, 4))
    rows[:, 1] = rows[:, 0] ** 3
    rows[:, 2] += rows[:, 0]
    frame = pd.DataFrame(rows)
    assert rank_correlations(rows) == pytest.approx(frame.corr(method="spearman").to_numpy(), abs=1e-12)
    rows[RANDOM.random(rows.shape) < 0.2] = np.nan
    assert rank_correlations(rows) == pytest.approx(pd.DataFrame(rows).corr(method="spearman").to_numpy(), abs=0.02)


def test_columns_without_variation_correlate_with_nothing() -> None:
    """A constant, and one that is null throughout."""
    rows = np.column_stack([RANDOM.normal(size=50), np.full(50, 2.0), np.full(50, np.nan)])
    assert rank_correlations(rows)[0].tolist() == [pytest.approx(1.0), 0.0, 0.0]


def test_columns_that_go_together_stand_together() -> None:
    """An order of all columns, and the pairs that are close."""
    a, b = RANDOM.normal(size=(2, 300))
    found = rank_correlations(np.column_stack([a, b, a + 0.01 * b, b - 0.01 * a]))
    order = alike_together(found).tolist()
    assert sorted(order) == [0, 1, 2, 3]
    assert abs(order.index(0) - order.index(2)) == 1
    assert {(i, j) for i, j, _ in close_pairs(found, 0.9)} == {(0, 2), (1, 3)}


def test_bins_hold_about_as_many_rows_each_and_null_its_own() -> None:
    """Also where most rows have one value, or all are null."""
    column = np.r_[np.arange(100.0), np.nan]
    codes = binned(column, edges_of(column, 4))
    assert np.bincount(codes).tolist() == [1, 25, 25, 25, 25]
    assert set(binned(np.zeros(9), edges_of(np.zeros(9), 4)).tolist()) == {2}
    assert binned(np.full(3, np.nan), edges_of(np.full(3, np.nan), 4)).tolist() == [0, 0, 0]
    assert contingency(np.array([0, 2, 2]), np.array([1, 1, 0])).tolist() == [[0, 1], [1, 1]]


def test_a_shift_shows_in_the_period_where_it_happens() -> None:
    """A column that moves, one that comes to be null, and one that stays."""
    n = 4 * LEAST_ROWS
    periods = periods_of(np.repeat(np.arange(4) * DAY_US, LEAST_ROWS))
    rows = RANDOM.normal(size=(n, 3))
    rows[2 * LEAST_ROWS :, 0] += 1.0
    rows[3 * LEAST_ROWS :, 1] = np.nan
    found = stability(rows, periods)
    assert found[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert found[0, 1] < 0.25 < found[0, 2]
    assert found[1, 2] < 0.25 < found[1, 3]
    assert (found[2] < 0.25).all()


def test_periods_cover_every_row_and_none_is_small() -> None:
    """Few instants are periods of their own; of many, equal lengths of time, small ones together."""
    few = periods_of(np.repeat([0, DAY_US], [300, 300]))
    assert few.names == ("1970-01-01", "1970-01-02")
    assert periods_of(np.repeat(np.arange(10) * DAY_US, 80)).counts.tolist() == [240, 240, 320]
    many = periods_of(np.sort(RANDOM.exponential(5.0, 5_000) * DAY_US).astype(np.int64))
    assert 2 <= len(many.begins) <= 12
    assert many.counts.sum() == 5_000
    assert (many.counts >= LEAST_ROWS).all()


def test_a_column_is_told_in_numbers() -> None:
    """Quartiles, nulls, zeros; none of them where there is no value."""
    first, second = profiles(["v:a", "v:b"], np.column_stack([[0.0, 1.0, 2.0, 3.0, np.nan], np.full(5, np.nan)]))
    assert (first.null_share, first.zero_share, first.distinct) == (0.2, 0.2, 4)
    assert (first.least, first.median, first.most, first.mean) == (0.0, 1.5, 3.0, 1.5)
    assert (second.null_share, second.distinct) == (1.0, 0)
    assert np.isnan(second.median)


def test_rows_and_columns_that_are_there_twice_are_counted() -> None:
    """Nulls are equal to nulls."""
    rows = np.array([[1.0, np.nan, 1.0], [1.0, np.nan, 1.0], [2.0, 0.0, 2.0]])
    found = duplicates(["v:a", "v:b", "v:c"], rows)
    assert found.equal_rows == 1
    assert found.equal_columns == (("v:a", "v:c"),)


def test_the_recommended_set_is_the_smallest_that_reaches_the_threshold() -> None:
    """Its shares add up to it, without the last they do not."""
    shares = np.array([0.05, 0.6, 0.05, 0.3])
    found = Importance(tuple("abcd"), np.zeros((6, 4)), np.arange(4.0), shares)
    assert recommended(found, 0.9) == (1, 3)
    assert recommended(found, 0.95) == (1, 3, 0)
    assert len(recommended(found, 1.0)) == 4


def test_two_directions_are_two_components() -> None:
    """However many columns they are spread over, constant and null ones among them."""
    a, b = RANDOM.uniform(0.0, 0.01, size=(2, 400))
    found = components(np.column_stack([a, b, a + b, a - b, np.ones(400), np.full(400, np.nan)]))
    assert found is not None
    assert found.needed(0.95) == 2
    assert found.loadings[:, 4:].tolist() == np.zeros((4, 2)).tolist()
    assert components(np.ones((10, 3))) is None


def test_names_are_short_where_that_tells_them_apart() -> None:
    """The view is left out; long ones lose their middle."""
    assert short_names(["a:x", "b:y"]) == ("x", "y")
    assert short_names(["a:x", "b:x"]) == ("a:x", "b:x")
    assert clipped("purchases_of_the_last_year", 11) == "purch…_year"
    assert len(clipped("purchases_of_the_last_year", 12)) == 12


@pytest.mark.parametrize("at", ["at the beginning", "throughout"])
def test_the_rarest_class_is_in_both_parts(at: str) -> None:
    """However few of so many rows it has: what is fitted without it could not be tried on it."""
    labels = np.zeros(4 * (MOST_FIT_ROWS + MOST_LATER_ROWS))
    labels[[0, 1] if at == "at the beginning" else [0, -1]] = 1.0
    target = Target("binary", 2, labels, ("no", "yes"), labels.astype(np.intp))
    for seed in range(3):
        parts = parts_of(target, np.arange(len(labels)), np.arange(len(labels)), seed)
        assert labels[parts.fit].sum() == labels[parts.later].sum() == 1.0
        assert len(parts.fit) <= MOST_FIT_ROWS + 1
        assert (np.diff(parts.later) > 0).all()
