"""The protocol's law over thousands of interleavings, and what of it keeps the law."""

from __future__ import annotations

import pytest

from tests.faults.random_walk import Guards, Walk

N_WALKS = 3_000

pytestmark = pytest.mark.faults


def n_wrong(guards: Guards, n_walks: int) -> int:
    return sum(not Walk(seed, guards).run() for seed in range(n_walks))


def test_no_interleaving_loses_or_doubles_an_event() -> None:
    """Zombies, kills, cuts, shards that forget their last writes: each state is the fold of all events, each once."""
    assert n_wrong(Guards(), N_WALKS) == 0


@pytest.mark.parametrize("guard", Guards._fields)
def test_each_guard_is_needed(guard: str) -> None:
    """Taken out alone, each of them lets some interleavings end wrong: so the walk meets what it guards against."""
    assert n_wrong(Guards()._replace(**{guard: False}), N_WALKS // 10) > 10


def test_a_walk_depends_on_its_seed_alone() -> None:
    """So one that ends wrong can be walked again."""
    walks = [Walk(7, Guards()) for _ in range(2)]
    assert [walk.run() for walk in walks] == [True, True]
    one, other = (walk.world for walk in walks)
    assert (one.log, one.lake, one.stored()) == (other.log, other.lake, other.stored())
