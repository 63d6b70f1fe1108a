"""Lanes and terms."""

from __future__ import annotations

import asyncio

from streams.assignment import Assignment


def lanes_of(*partitions: int) -> Assignment:
    lanes = Assignment()
    lanes.assign({("t", partition) for partition in partitions})
    lanes.failure = None
    return lanes


def run_all(lanes: Assignment) -> None:
    for lane in lanes.lanes.values():
        lane.begin("log", 5)
        lane.state = "running"


def test_every_change_begins_a_term() -> None:
    """Assigned, restarted, failed, revoked: what was fetched before does not count any more."""
    lanes = lanes_of(0)
    terms = [lanes.term]
    for change in (lanes.restart, lambda: lanes.fail("store"), lanes.revoke):
        change()
        terms.append(lanes.term)
    assert terms == sorted(set(terms))
    assert lanes.lanes == {}


def test_a_worker_is_ready_once_every_lane_runs() -> None:
    """Until then it says what it waits for, each reason once."""
    lanes = Assignment()
    assert lanes.problems() == ["starting", "the consumer group has assigned no partitions yet"]
    lanes = lanes_of(0, 1)
    assert lanes.problems() == ["t/0 is starting", "t/1 is starting"]
    run_all(lanes)
    assert lanes.problems() == []
    for lane in lanes.lanes.values():
        lane.refuse("not adopted")
    assert lanes.problems() == ["not adopted"]
    lanes.fail("the store is down")
    assert lanes.problems() == ["the store is down", "not adopted"]


def test_a_worker_without_partitions_is_ready() -> None:
    """There may be more workers than partitions."""
    assert lanes_of().problems() == []


def test_idle_is_caught_up_or_waiting_for_someone() -> None:
    """Behind, busy, failed or starting is not idle."""
    lanes = lanes_of(0)
    assert not lanes.is_idle()
    run_all(lanes)
    assert lanes.is_idle()
    (lane,) = lanes.lanes.values()
    lane.end = 6
    assert (lane.behind, lanes.is_idle()) == (1, False)
    lane.applied = 6
    assert lanes.is_idle()
    lanes.take_up()
    assert not lanes.is_idle()
    lanes.put_down(lanes.term)
    lane.refuse("not adopted")
    assert lanes.is_idle()
    lanes.fail("store")
    assert not lanes.is_idle()


async def test_the_fetch_loop_waits_until_the_engine_is_near() -> None:
    """More is fetched once it has the last in hand; what an older term handed over is forgotten with it."""
    lanes = lanes_of(0)
    lanes.take_up()
    assert await lanes.room(0.01)
    lanes.take_up()
    assert not await lanes.room(0.01)
    waiting = asyncio.create_task(lanes.room(5.0))
    await asyncio.sleep(0)
    lanes.put_down(lanes.term)
    assert await waiting
    lanes.take_up()
    old = lanes.term
    lanes.restart()
    assert await lanes.room(0.01)
    lanes.put_down(old)
    lanes.take_up()
    lanes.take_up()
    assert not await lanes.room(0.01)


def test_only_what_is_confirmed_under_this_log_is_committed() -> None:
    """A confirmation that comes late, of another log, moves nothing."""
    lanes = lanes_of(0)
    run_all(lanes)
    lanes.committed("t", "log", 0, 9)
    lanes.committed("t", "older", 0, 99)
    lanes.committed("t", "log", 7, 99)
    assert lanes.offsets_to_commit() == {("t", 0): 9}
    lanes.restart()
    assert lanes.offsets_to_commit() == {}
