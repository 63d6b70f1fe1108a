"""Topics as logs: their ids (KIP-516), their ends, and their creation. Blocking; call it from a thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec

from features.errors import BrokerUnavailableError

DEADLINE_S = 5.0
SHOWN_S = 15.0
POLL_S = 0.05


class LogInfo(NamedTuple):
    """What a topic's name stands for now: its id in Kafka's text form, and how many partitions it has."""

    log: str
    partitions: int


class KafkaLogs:
    """Asks one broker, over one kept connection."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})

    def describe(self, topics: Iterable[str]) -> dict[str, LogInfo]:
        """Id and partitions of each topic that exists; BrokerUnavailableError when the broker does not answer."""
        names = sorted(set(topics))
        if not names:
            return {}
        asked = self._admin.describe_topics(TopicCollection(names), request_timeout=DEADLINE_S)
        found: dict[str, LogInfo] = {}
        for name, answer in asked.items():
            try:
                description = answer.result(DEADLINE_S)
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    continue
                raise BrokerUnavailableError("broker", f"topic {name} is not described: {error}") from error
            except TimeoutError as error:
                raise BrokerUnavailableError("broker", f"no answer within {DEADLINE_S} s") from error
            found[name] = LogInfo(url_safe(str(description.topic_id)), len(description.partitions))
        return found

    def first_offsets(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """First offset that each (topic, partition) still holds.

        Where a log ends is not asked this way: Tansu names the beginning of its last batch.
        """
        if not partitions:
            return {}
        wanted = {TopicPartition(topic, partition): OffsetSpec.earliest() for topic, partition in partitions}
        try:
            answers = self._admin.list_offsets(wanted, request_timeout=DEADLINE_S)
            return {(at.topic, at.partition): answer.result(DEADLINE_S).offset for at, answer in answers.items()}
        except (KafkaException, TimeoutError) as error:
            raise BrokerUnavailableError("broker", f"offsets are not listed: {error}") from error

    def retention_ms(self, topics: Iterable[str]) -> dict[str, int | None]:
        """How long the broker keeps the records of each topic, -1 for ever; None where it does not say."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in sorted(set(topics))]
        found: dict[str, int | None] = {}
        for resource, answer in self._admin.describe_configs(resources, request_timeout=DEADLINE_S).items():
            try:
                entry = answer.result(DEADLINE_S).get("retention.ms")
                found[resource.name] = None if entry is None or entry.value is None else int(entry.value)
            except (KafkaException, TimeoutError):
                found[resource.name] = None
        return found

    def create(self, topics: Iterable[str], partitions: int) -> list[str]:
        """Create the topics that are not there, with one replica, and return once the broker shows all; those created.

        A cluster's metadata may come after the answer to a creation. BrokerUnavailableError when they stay away.
        """
        wanted = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in sorted(set(topics))]
        created = []
        for name, answer in self._admin.create_topics(wanted, request_timeout=DEADLINE_S).items() if wanted else ():
            try:
                answer.result(DEADLINE_S)
                created.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise BrokerUnavailableError("broker", f"topic {name} is not created: {error}") from error
            except TimeoutError as error:
                raise BrokerUnavailableError("broker", f"no answer within {DEADLINE_S} s") from error
        self._wait_for([topic.topic for topic in wanted])
        return created

    def _wait_for(self, topics: Sequence[str]) -> None:
        deadline_s = time.monotonic() + SHOWN_S
        while missing := sorted(set(topics) - self.describe(topics).keys()):
            if time.monotonic() > deadline_s:
                raise BrokerUnavailableError("broker", f"does not show {', '.join(missing)} after their creation")
            time.sleep(POLL_S)


def describe_logs(bootstrap_servers: str, topics: Iterable[str]) -> dict[str, LogInfo]:
    """Id and partitions of each topic that exists."""
    return KafkaLogs(bootstrap_servers).describe(topics)


def create_topics(bootstrap_servers: str, topics: Iterable[str], partitions: int) -> list[str]:
    """Create the topics that are not there; names of those created."""
    return KafkaLogs(bootstrap_servers).create(topics, partitions)


def url_safe(uuid: str) -> str:
    """Kafka's own text form of a topic id; librdkafka prints the other base64 alphabet."""
    return uuid.replace("+", "-").replace("/", "_")
