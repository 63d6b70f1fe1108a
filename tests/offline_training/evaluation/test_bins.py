"""Parts of a column: each row is in one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_training.evaluation.bins import MISSING, OTHERS, parts_of
from offline_training.evaluation.segments import segments_of
from tests.offline_training.evaluation.made_up import binary

numbers = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=60)
texts = st.lists(st.one_of(st.sampled_from([f"v{i}" for i in range(20)]), st.none()), min_size=1, max_size=60)


@given(st.one_of(numbers.map(np.array), texts.map(lambda values: np.array(values, dtype=object))))
def test_each_row_is_in_one_part(column: np.ndarray) -> None:
    """Whatever the values; no part is empty, no name is used twice."""
    parts = list(parts_of(column))
    assert (np.sum([mask for _, mask in parts], axis=0) == 1).all()
    assert all(mask.any() for _, mask in parts)


def test_few_values_are_parts_and_many_are_ranges() -> None:
    """Numbers in quarters of the rows; the commonest texts, then the others; what is missing."""
    assert [name for name, _ in parts_of(np.array([2.0, 1.0, np.nan, 1.0]))] == ["1", "2", MISSING]
    quarters = list(parts_of(np.arange(100.0)))
    assert [name for name, _ in quarters] == ["0 to below 24", "24 to below 49", "49 to below 74", "74 to 99"]
    assert [int(mask.sum()) for _, mask in quarters] == [24, 25, 25, 26]
    cities = np.array([f"c{i % 12}" for i in range(120)] + ["c0", None], dtype=object)
    names = [name for name, _ in parts_of(cities)]
    assert len(names) == 10
    assert names[-2:] == [OTHERS, MISSING]


def test_a_segment_has_the_figures_of_its_rows() -> None:
    """Shares add up, and a figure that cannot be measured in a part is left out."""
    outcomes = binary(200)
    column = np.where(np.arange(200) < 50, 1.0, 2.0)
    outcomes.labels[:50] = 1.0
    first, second = segments_of(outcomes, {"v:f": column}, seed=0, resamples=20)
    assert (first.column, first.value, first.rows, first.share) == ("v:f", "1", 50, 0.25)
    assert "roc_auc" not in first.figures
    assert "roc_auc" in second.figures
    assert first.figures["accuracy"].value == pytest.approx((outcomes.scores[:50] >= 0.5).mean())
