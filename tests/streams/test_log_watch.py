"""A topic made anew is noticed before anything read from it counts."""

from __future__ import annotations

from collections.abc import Sequence

from features.errors import BrokerUnavailableError
from streams.assignment import Assignment
from streams.log_watch import LogWatch
from streams.logs import LogInfo
from tests.streams.shop import LOG, OTHER_LOG, TOPIC


class Broker:
    def __init__(self) -> None:
        self.log: str | None = LOG
        self.exists = True

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        if self.log is None:
            raise BrokerUnavailableError("broker", "no answer")
        return {topic: LogInfo(self.log, 1) for topic in topics} if self.exists else {}


def watch_of(broker: Broker) -> LogWatch:
    lanes = Assignment()
    lanes.assign({(TOPIC, 0)})
    lane = lanes.lanes[TOPIC, 0]
    lane.begin(LOG, 0)
    lane.state = "running"
    return LogWatch(logs=broker, lanes=lanes)


async def test_a_topic_made_anew_is_noticed_at_the_very_next_fetch() -> None:
    """However soon after a fine one: an answer from before a fetch proves nothing of what it brought."""
    broker = Broker()
    watch = watch_of(broker)
    assert await watch.same_logs({TOPIC})
    broker.log = OTHER_LOG
    assert not await watch.same_logs({TOPIC})
    broker.log = LOG
    assert await watch.same_logs({TOPIC})


async def test_a_topic_that_is_gone_is_not_the_same() -> None:
    """Its records may be of any log."""
    broker = Broker()
    broker.exists = False
    assert not await watch_of(broker).same_logs({TOPIC})


async def test_only_topics_that_something_came_from_are_asked_for() -> None:
    """One that stands still may be looked at when it moves."""
    broker = Broker()
    watch = watch_of(broker)
    broker.log = OTHER_LOG
    assert await watch.same_logs({"other"})


async def test_what_cannot_be_told_is_not_the_same() -> None:
    """Dropped records are fetched again; mixed up ones would never be found."""
    broker = Broker()
    broker.log = None
    assert not await watch_of(broker).same_logs({TOPIC})
