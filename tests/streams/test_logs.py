"""Topics as logs, asked of a real broker."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from confluent_kafka.admin import AdminClient

from deploy.servers import TansuServer
from features.errors import BrokerUnavailableError
from features.state import log_bytes
from streams.logs import KafkaLogs, LogInfo, create_topics, describe_logs, url_safe

pytestmark = pytest.mark.servers


def test_a_topic_is_created_once_and_described(tansu: TansuServer) -> None:
    """Its log is a Kafka topic id in its URL-safe text form; topics that are not there are left out."""
    assert create_topics(tansu.bootstrap_servers, ["logs-a", "logs-b"], 3) == ["logs-a", "logs-b"]
    assert create_topics(tansu.bootstrap_servers, ["logs-a", "logs-c"], 3) == ["logs-c"]
    found = describe_logs(tansu.bootstrap_servers, ["logs-a", "logs-b", "logs-none"])
    assert sorted(found) == ["logs-a", "logs-b"]
    assert found["logs-a"].partitions == 3
    assert len(log_bytes(found["logs-a"].log)) == 16
    assert found["logs-a"].log != found["logs-b"].log


def test_a_topic_made_anew_is_another_log(tansu: TansuServer) -> None:
    """The same name, another id."""
    logs = KafkaLogs(tansu.bootstrap_servers)
    logs.create(["logs-anew"], 1)
    before = logs.describe(["logs-anew"])["logs-anew"].log
    admin = AdminClient({"bootstrap.servers": tansu.bootstrap_servers})
    admin.delete_topics(["logs-anew"])["logs-anew"].result(10)
    logs.create(["logs-anew"], 1)
    assert logs.describe(["logs-anew"])["logs-anew"].log != before


def test_first_offsets_are_told(tansu: TansuServer) -> None:
    """Of the partitions asked about; of none, nothing."""
    logs = KafkaLogs(tansu.bootstrap_servers)
    logs.create(["logs-first"], 2)
    assert logs.first_offsets([("logs-first", 0), ("logs-first", 1)]) == {("logs-first", 0): 0, ("logs-first", 1): 0}
    assert logs.first_offsets([]) == {}
    assert logs.describe([]) == {}


def test_a_broker_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the deadline, whatever is asked."""
    monkeypatch.setattr("streams.logs.DEADLINE_S", 0.2)
    logs = KafkaLogs("127.0.0.1:1")
    for ask in (
        lambda: logs.describe(["t"]),
        lambda: logs.first_offsets([("t", 0)]),
        lambda: logs.create(["t"], 1),
    ):
        with pytest.raises(BrokerUnavailableError):
            ask()


class LateLogs(KafkaLogs):
    """As a cluster whose metadata lags: a new topic shows only after some looks."""

    looks = 0

    def describe(self, topics: Iterable[str]) -> dict[str, LogInfo]:
        self.looks += 1
        return super().describe(topics) if self.looks > 3 else {}


def test_a_topic_that_shows_late_is_waited_for(tansu: TansuServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever creates a topic can ask for it at once; one that never shows is an error, not a silence."""
    logs = LateLogs(tansu.bootstrap_servers)
    assert logs.create(["logs-late"], 1) == ["logs-late"]
    assert logs.looks == 4
    monkeypatch.setattr("streams.logs.SHOWN_S", 0.0)
    logs.looks = -10
    with pytest.raises(BrokerUnavailableError, match="does not show logs-later"):
        logs.create(["logs-later"], 1)


def test_both_alphabets_are_one_log() -> None:
    """Librdkafka prints + and /, Kafka and we - and _."""
    assert url_safe("ab+/cd") == "ab-_cd"
