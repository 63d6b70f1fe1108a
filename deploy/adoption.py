"""Allowing a log to be read: the answer to a topic that was made anew."""

from __future__ import annotations

import asyncio

from deploy.log_ends import read_ends
from deploy.prepare import read_topics
from features.decode import Decoded
from features.errors import RequestError
from features.lake import Lake, LakeBatch, open_site_lake
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import Settings
from features.store import AdoptedLog
from streams.logs import KafkaLogs

NO_ROWS = Decoded([], [], [], {})


async def adopt_topic(settings: Settings, plan: Plan, topic: str, start: str) -> AdoptedLog:
    """Certify the topic's present log on every shard of the store, to be read from ``start``."""
    if topic not in read_topics(plan):
        raise RequestError("topic", f"{topic} is not read by this domain", f"it reads {', '.join(read_topics(plan))}")
    logs = KafkaLogs(settings.kafka.bootstrap_servers)
    found = (await asyncio.to_thread(logs.describe, [topic])).get(topic)
    if found is None:
        raise RequestError("topic", f"the broker has no topic {topic}", "create it, or run `millstream up`")
    first = await asyncio.to_thread(logs.first_offsets, [(topic, number) for number in range(found.partitions)])
    ends = await asyncio.to_thread(read_ends, settings.kafka.bootstrap_servers, logs, [topic])
    offsets = {number: start_of(start, first[topic, number], end) for (_, _, number), end in ends.items()}
    adopted = AdoptedLog(topic=topic, log=found.log, start=offsets)
    store = RedisStore(plan.project, settings.store)
    await store.connect()
    try:
        await store.adopt_log(adopted)
    finally:
        await store.close()
    await asyncio.to_thread(give_up, open_site_lake(settings, plan.project), plan, adopted)
    return adopted


def give_up(lake: Lake, plan: Plan, adopted: AdoptedLog) -> None:
    """Note in the lake that the records before the place to begin will never come, so that they are no gap."""
    for source in plan.sources:
        if source.topic != adopted.topic:
            continue
        for partition, start in adopted.start.items():
            end = lake.end(source.topic, adopted.log, partition)
            if end is not None and end < start:
                lake.append(source, adopted.log, partition, LakeBatch(start, [], [], [], NO_ROWS, first_offset=end))


def start_of(start: str, first: int, end: int) -> int:
    """The offset that a word or number names, within what the partition holds."""
    named = {"beginning": first, "end": end}
    if start in named:
        return named[start]
    if not start.isdecimal():
        raise RequestError("--from", f"{start!r} is no place to begin", "say beginning, end, or an offset")
    return min(max(int(start), first), end)
