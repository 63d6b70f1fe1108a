"""Portions of a history: all of it, each entity whole, and never much at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.portions import Portion, portions

entities = st.lists(st.integers(-1, 12), max_size=80)


@given(entities, entities, st.integers(1, 40))
def test_portions_are_whole_entities_and_bounded(events: list[int], observations: list[int], rows: int) -> None:
    """Every observation is in one portion, with all events of its entity; more than the bound has one entity only."""
    cut = portions(np.array(events, np.int64), np.array(observations, np.int64), rows)
    assert sorted(i for portion in cut for i in portion.observations.tolist()) == list(range(len(observations)))
    seen: set[int] = set()
    for portion in cut:
        of_events = [events[i] for i in portion.events.tolist()]
        of_observations = [observations[i] for i in portion.observations.tolist()]
        there = {*of_events, *of_observations}
        assert len(of_events) == sum(entity in there for entity in events)
        assert len(there) == 1 or len(of_events) + len(of_observations) <= rows
        assert not there & seen
        assert portion.events.tolist() == sorted(portion.events.tolist())
        assert portion.observations.tolist() == sorted(portion.observations.tolist())
        seen |= there


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 50))
def test_rounds_cost_no_more_than_the_rows(n_events: int, n_observations: int, rows: int) -> None:
    """All observations, in order; the events are gone through once, and as often again as observations pay for."""
    rounds = list(Portion(np.arange(n_events), np.arange(n_observations)).rounds(rows))
    assert [i for some in rounds for i in some.tolist()] == list(range(n_observations))
    assert all(len(some) <= max(rows, n_events) for some in rounds)
    assert len(rounds) * n_events <= n_events + n_observations


def test_cost_is_linear_in_rows_whatever_the_entities() -> None:
    """A hundred times the entities with a hundredth of the events each make as many portions, give or take a few."""
    n, rows = 200_000, 1_000
    few, many = (np.arange(n) % n_entities for n_entities in (100, 10_000))
    asked = np.arange(n // 10)
    counts = [len(portions(codes, asked % (codes.max() + 1), rows)) for codes in (few, many)]
    assert all(n / rows / 4 <= count <= n / rows * 4 for count in counts)
