"""Where logs end, found by reading on to it: asked for it, Tansu names the beginning of its last batch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from features.errors import BrokerUnavailableError
from streams.logs import KafkaLogs

DEADLINE_S = 10.0
POLL_S = 0.2

Ends = Mapping[tuple[str, str, int], int]
"""(topic, log, partition) → the offset that its next record will get."""


def read_ends(bootstrap_servers: str, logs: KafkaLogs, topics: Iterable[str]) -> Ends:
    """The ends of every partition of these topics; BrokerUnavailableError when one does not show in time."""
    found = logs.describe(topics)
    open_ends = {(topic, number) for topic, info in found.items() for number in range(info.partitions)}
    ends: dict[tuple[str, str, int], int] = {}
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "millstream-log-ends",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        consumer.assign([last_known(consumer, topic, number) for topic, number in sorted(open_ends)])
        deadline_s = time.monotonic() + DEADLINE_S
        while open_ends:
            if time.monotonic() > deadline_s:
                raise BrokerUnavailableError("broker", f"the ends of {sorted(open_ends)} do not show")
            message = consumer.poll(POLL_S)
            error = message.error() if message is not None else None
            if message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
                topic, number = message.topic(), message.partition()
                ends[topic, found[topic].log, number] = message.offset()
                open_ends.discard((topic, number))
    except KafkaException as error:
        raise BrokerUnavailableError("broker", str(error)) from error
    finally:
        consumer.close()
    return ends


def last_known(consumer: Consumer, topic: str, partition: int) -> TopicPartition:
    """A place from which few records remain to be read."""
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=DEADLINE_S)
    return TopicPartition(topic, partition, max(first, end - 1))
