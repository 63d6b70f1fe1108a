"""The stages of a version: whatever way it takes, nobody is answered by one that was not approved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from features.approval.stages import APPROVED_STAGES, FIRST, MOVES, STAGES, Stage, may_serve, require_move, stage_of
from features.errors import CorruptError, RequestError
from features.routing import ARMS, CHALLENGER, CHAMPION, SHADOW

LONGEST = 10
ENDS = {"failed_validation", "rejected"}


def walks(walk: tuple[Stage, ...] = (FIRST,)) -> Iterator[tuple[Stage, ...]]:
    """Every walk of so many steps at most, from where a version begins."""
    yield walk
    if len(walk) < LONGEST:
        for then in MOVES[walk[-1]]:
            yield from walks((*walk, then))


WALKS = list(walks())


def test_every_stage_is_reached_and_only_two_are_ends() -> None:
    """No stage is there for nothing, and no version is stuck but where it should be."""
    assert {walk[-1] for walk in WALKS} == set(STAGES) == set(MOVES)
    assert {stage for stage in STAGES if not MOVES[stage]} == ENDS


def test_no_walk_comes_to_an_approved_stage_but_by_validation_review_and_approval() -> None:
    """In this order, each once."""
    for walk in WALKS:
        if APPROVED_STAGES.intersection(walk):
            assert walk[:4] == ("staging", "validation", "pending_review", "approved"), walk
            assert walk.count("approved") == 1


def test_no_walk_leaves_an_end() -> None:
    """A version that failed or was rejected never serves."""
    for walk in WALKS:
        assert not ENDS.intersection(walk[:-1])
        if walk[-1] in ENDS:
            assert not any(may_serve(walk[-1], arm) for arm in ARMS)


def test_who_answers_has_been_approved() -> None:
    """On every walk; who only shadows has passed its validation at least."""
    for walk in WALKS:
        for arm in (CHAMPION, CHALLENGER):
            assert may_serve(walk[-1], arm) == ("approved" in walk)
        assert not may_serve(walk[-1], SHADOW) or "pending_review" in walk


def test_every_other_step_is_refused() -> None:
    """The refusal names both stages, and what may follow."""
    for now in STAGES:
        for then in STAGES:
            if then in MOVES[now]:
                require_move("m 1", now, then)
            else:
                with pytest.raises(RequestError, match=f"is {now} and cannot become {then}"):
                    require_move("m 1", now, then)


@pytest.mark.parametrize("written", ["", "Approved", "serving"])
def test_what_is_no_stage_is_corrupt(written: str) -> None:
    """A tag that another tool wrote, or that somebody edited."""
    with pytest.raises(CorruptError, match="m 1: has the approval_status"):
        stage_of("m 1", written)
