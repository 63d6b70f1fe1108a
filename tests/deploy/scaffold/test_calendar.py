"""When a new domain observes, trains and scores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.scaffold.calendar import LADDER_US, MAX_INSTANTS, length, make_calendar
from features.durations import parse_duration_us
from features.errors import DomainError

HOUR_US = 3_600_000_000
FIRST_US = 1_700_000_123_456_789


@given(span_us=st.integers(HOUR_US, 20_000 * 24 * HOUR_US), first_us=st.integers(0, FIRST_US), n=st.integers(1, 10**6))
def test_every_history_of_an_hour_or_more_can_be_trained_tested_and_scored(span_us: int, first_us: int, n: int) -> None:
    """At the demo's training there are rows to train and to test on; what is scored has its outcome in the history."""
    made = make_calendar(first_us, first_us + span_us, entities=n)
    assert made.horizon_us in LADDER_US
    last_known = made.train_at_us - made.horizon_us
    tested = range(made.start_us, last_known, made.step_us)[-1] - made.test_span_us
    assert made.start_us <= tested - made.horizon_us
    assert made.start_us >= first_us + made.horizon_us
    assert list(made.score_at_us) == sorted(set(made.score_at_us))
    assert made.score_at_us[0] == made.train_at_us
    assert made.score_at_us[-1] + made.horizon_us <= first_us + span_us
    assert (made.score_at_us[-1] - made.start_us) // made.step_us <= MAX_INSTANTS * 3
    assert made.horizon_us in made.windows_us
    assert all(2 * us <= span_us for us in made.windows_us)


@given(us=st.sampled_from(LADDER_US) | st.integers(1, 10**6).map(lambda ms: ms * 1_000))
def test_lengths_are_written_as_they_are_read(us: int) -> None:
    """In the largest unit that leaves nothing out."""
    assert parse_duration_us(length(us)) == us


def test_a_history_too_short_is_refused() -> None:
    """Of itself, and for what was asked."""
    with pytest.raises(DomainError, match="the history covers 15m, too little to predict 5m ahead"):
        make_calendar(FIRST_US, FIRST_US + HOUR_US // 4, entities=100)
    with pytest.raises(DomainError, match="the history covers 10d, too little to predict 3d ahead"):
        make_calendar(FIRST_US, FIRST_US + 240 * HOUR_US, entities=100, horizon_us=72 * HOUR_US)
    assert make_calendar(FIRST_US, FIRST_US + 240 * HOUR_US, entities=100, horizon_us=24 * HOUR_US).step_us
