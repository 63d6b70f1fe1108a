"""A topic made anew is noticed before anything read from it counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from features.errors import BrokerUnavailableError
from streams.assignment import Assignment
from streams.log_watch import LogWatch
from streams.logs import LogInfo
from tests.streams.shop import LOG, OTHER_LOG, TOPIC


class Broker:
    def __init__(self) -> None:
        self.log: str | None = LOG
        self.asked = 0

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        self.asked += 1
        if self.log is None:
            raise BrokerUnavailableError("broker", "no answer")
        return {topic: LogInfo(self.log, 1) for topic in topics}


def watch_of(broker: Broker) -> LogWatch:
    lanes = Assignment(max_rows_waiting=1)
    lanes.assign({(TOPIC, 0)})
    lane = lanes.lanes[TOPIC, 0]
    lane.begin(LOG, 0)
    lane.state = "running"
    return LogWatch(logs=broker, lanes=lanes)


async def test_the_broker_is_asked_once_for_many_fetches() -> None:
    """As long as the connections stay the same and the answer is fresh."""
    broker = Broker()
    watch = watch_of(broker)
    assert [await watch.same_logs("c1") for _ in range(5)] == [True] * 5
    assert broker.asked == 1


async def test_new_connections_are_reason_to_ask() -> None:
    """A broker that restarted has closed the old ones."""
    broker = Broker()
    watch = watch_of(broker)
    assert await watch.same_logs("c1")
    broker.log = OTHER_LOG
    assert not await watch.same_logs("c2")
    assert not await watch.same_logs("c2")
    broker.log = LOG
    assert await watch.same_logs("c2")


async def test_an_old_answer_is_reason_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic can be made anew over the same connection."""
    monkeypatch.setattr("streams.log_watch.DOUBT_S", 0.0)
    broker = Broker()
    watch = watch_of(broker)
    assert await watch.same_logs("c1")
    broker.log = OTHER_LOG
    assert not await watch.same_logs("c1")


async def test_what_cannot_be_told_is_not_the_same() -> None:
    """Dropped records are fetched again; mixed up ones would never be found."""
    broker = Broker()
    broker.log = None
    assert not await watch_of(broker).same_logs("c1")
