"""Which calls are let in."""

from __future__ import annotations

import asyncio
import math

import pytest

from grpc_api.load import BUSY_S, PATIENCE_S, Load
from grpc_api.refusals import OverloadedError
from grpc_api.turns import Turns


def turns_of(turn_s: float) -> Turns:
    """Turns that took so long so far."""
    turns = Turns()
    turns.turn_s = turn_s
    return turns


def let_in(load: Load, remaining_s: float | None) -> int:
    """How many calls are let in before one is not, which is told when to come back."""
    before = load.n_in_flight
    with pytest.raises(OverloadedError) as refused:
        enter_all(load, remaining_s)
    assert refused.value.retry_after_s > 0
    return load.n_in_flight - before


def enter_all(load: Load, remaining_s: float | None) -> None:
    for _ in range(10_000):
        load.enter(remaining_s)


def test_no_more_than_the_limit() -> None:
    """However fast scores are; and one that leaves makes room."""
    load = Load(Turns(), max_in_flight=7)
    assert let_in(load, None) == 7
    load.leave()
    assert let_in(load, None) == 1


@pytest.mark.parametrize("remaining_s", [0.05, 0.5, None])
def test_a_burst_is_let_in_as_far_as_it_can_be_answered_in_time(remaining_s: float | None) -> None:
    """Half of the time that a call has is enough for those ahead of it."""
    load = Load(turns_of(0.01), max_in_flight=1_000, monotonic=lambda: 0.0)
    has_s = PATIENCE_S if remaining_s is None else remaining_s
    assert let_in(load, remaining_s) == math.floor(has_s / 2 / 0.01) + 1


@pytest.mark.parametrize(("remaining_s", "n"), [(1.0, 11), (0.5, 6), (0.05, 3), (0.01, 1)])
def test_who_is_busy_without_a_break_keeps_the_queue_short(remaining_s: float, n: int) -> None:
    """A tenth of the time that callers have, with always one to go on with; after a break a burst is welcome."""
    now_s = [0.0]
    load = Load(turns_of(0.01), max_in_flight=1_000, monotonic=lambda: now_s[0])
    load.enter(remaining_s)
    now_s[0] = 2 * BUSY_S
    assert 1 + let_in(load, remaining_s) == n
    for _ in range(n):
        load.leave()
    assert let_in(load, remaining_s) == math.floor(remaining_s / 2 / 0.01) + 1


def test_streams_that_are_idle_stand_in_nobodys_way() -> None:
    """They count to the limit, and not to those who wait."""
    load = Load(turns_of(0.01), max_in_flight=100, monotonic=lambda: 0.0)
    for _ in range(50):
        load.enter(None, streams=True)
    assert let_in(load, 1.0) == 50
    for _ in range(50):
        load.leave(streams=True)
    assert load.n_in_flight == 50


@pytest.mark.parametrize(("max_in_flight", "most"), [(1_000, 500), (7, 3), (1, 1)])
def test_streams_leave_room_for_single_calls(max_in_flight: int, most: int) -> None:
    """Nothing ends a stream of which nothing comes: a client that opens as many as it can keeps nobody else out."""
    load = Load(Turns(), max_in_flight=max_in_flight)
    for _ in range(most):
        load.enter(None, streams=True)
    with pytest.raises(OverloadedError, match=f"has {most} streams in hand"):
        load.enter(None, streams=True)
    assert load.n_in_flight == most
    if max_in_flight > 1:
        load.enter(0.1)
    load.leave(streams=True)
    load.enter(None, streams=True)


async def test_an_idle_server_refuses_nobody() -> None:
    """Slow scores before do not matter to a call that comes alone."""
    turns = Turns()
    turns.spent(30.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    load = Load(turns, max_in_flight=1)
    load.enter(0.001)
    load.leave()
    load.enter(None)
