"""Partitions merged in the order of time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitoring.time_order import TimeOrder

Logs = list[list[int]]


def merged(logs: Logs, turns: list[int]) -> list[tuple[int, int]]:
    """What comes out when partitions arrive in this order of turns, each at its end when it has given all."""
    order: TimeOrder[tuple[int, int]] = TimeOrder()
    for partition in range(len(logs)):
        order.include(partition)
    given_so_far = [0] * len(logs)
    out: list[tuple[int, int]] = []
    rest = [partition for partition, log in enumerate(logs) for _ in log]
    for partition in [*(turn % len(logs) for turn in turns), *rest]:
        if given_so_far[partition] < len(logs[partition]):
            time = logs[partition][given_so_far[partition]]
            order.add(partition, time, (partition, time))
            given_so_far[partition] += 1
        if given_so_far[partition] == len(logs[partition]):
            order.at_end(partition)
        out += order.ready()
    for partition in range(len(logs)):
        order.at_end(partition)
    return [*out, *order.ready()]


@given(st.lists(st.lists(st.integers(0, 50)).map(sorted), min_size=1, max_size=4), st.lists(st.integers(0, 3)))
def test_all_come_out_once_and_in_order_whatever_the_arrival(logs: Logs, turns: list[int]) -> None:
    """Any interleaving of the partitions gives all records, oldest first."""
    out = merged(logs, turns)
    assert sorted(out) == sorted((partition, time) for partition, log in enumerate(logs) for time in log)
    assert [time for _, time in out] == sorted(time for _, time in out)


def test_a_partition_that_was_at_its_end_is_waited_for_again_after_its_next_record() -> None:
    """Live, an idle partition holds nobody up; one that has begun to give is in the order again."""
    order: TimeOrder[str] = TimeOrder()
    order.include(0)
    order.include(1)
    order.at_end(1)
    order.add(0, 10, "a")
    assert list(order.ready()) == ["a"]
    order.add(1, 5, "late")
    assert list(order.ready()) == []
    order.at_end(0)
    assert list(order.ready()) == ["late"]
    order.add(0, 20, "b")
    assert (list(order.ready()), order.waiting(0)) == ([], 1)


def test_a_new_partition_is_waited_for() -> None:
    """One that appears later may hold older records."""
    order: TimeOrder[str] = TimeOrder()
    order.include(0)
    order.add(0, 10, "a")
    order.include(1)
    assert list(order.ready()) == []
    order.at_end(1)
    assert list(order.ready()) == ["a"]
