"""Splitting by time."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import DomainError
from offline_training.split import require_outcomes, split_by_time


def test_no_earlier_label_reaches_into_the_later_part() -> None:
    """Rows within the gap before the first later row belong to neither part."""
    at_us = np.array([0, 10, 20, 30, 40, 40])
    split = split_by_time(at_us, gap_us=20, span_us=0)
    assert (split.earlier.tolist(), split.later.tolist(), split.later_at_us) == ([0, 1, 2], [4, 5], 40)


def test_a_span_makes_the_later_part_longer() -> None:
    """With a span the later part begins that long before the last row, and the gap counts from there."""
    split = split_by_time(np.array([0, 10, 20, 30, 40]), gap_us=20, span_us=10)
    assert (split.earlier.tolist(), split.later.tolist(), split.later_at_us) == ([0, 1], [3, 4], 30)


@pytest.mark.parametrize("labels", [[], [1.0, 1.0]])
def test_a_part_without_both_outcomes_is_refused(labels: list[float]) -> None:
    """Neither fit nor test is possible on one outcome."""
    with pytest.raises(DomainError, match="test rows"):
        require_outcomes("test rows", np.array(labels), 2)
