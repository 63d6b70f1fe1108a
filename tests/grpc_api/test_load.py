"""Which calls are let in."""

from __future__ import annotations

import asyncio
import math

import pytest

from grpc_api.load import PATIENCE_S, STANDING_S, Load
from grpc_api.refusals import OverloadedError
from grpc_api.turns import Turns


class Busy(Turns):
    """Turns that say what they are told to."""

    def __init__(self, *, turn_s: float, stands_s: float = 0.0) -> None:
        super().__init__()
        self.turn_s = turn_s
        self.free = False
        self.stands_s = stands_s

    def standing_s(self) -> float:
        return self.stands_s


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
    load = Load(Busy(turn_s=0.01), max_in_flight=1_000)
    has_s = PATIENCE_S if remaining_s is None else remaining_s
    assert let_in(load, remaining_s) == math.floor(has_s / 2 / 0.01) + 1


def test_a_standing_queue_is_kept_short() -> None:
    """A tenth of the time that callers have; there is always one to go on with."""
    for remaining_s, n in ((1.0, 11), (0.5, 6), (0.05, 3), (0.01, 1)):
        load = Load(Busy(turn_s=0.01, stands_s=2 * STANDING_S), max_in_flight=1_000)
        assert let_in(load, remaining_s) == n


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
