"""Apache Kafka and Redis on the core of the servers, and what a run asks of both."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import redis

from deploy.bench_stream_traffic import PARTITIONS, send_events, settle
from deploy.production_servers import KafkaServer, RedisServer
from deploy.stream_bench.load import Load
from deploy.stream_bench.pinning import cores, on_core
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from streams.logs import KafkaLogs

FIRST_COMPILER: Final = ("-XX:TieredStopAtLevel=1",)
"""The broker is as fast for the first contestant as for the last: it compiles little on the core of the servers."""
NO_REWRITE: Final = ("auto-aof-rewrite-percentage", 0)
"""The append-only file is written anew between two runs and never in one."""


class BenchSite:
    """Both servers, running until the stack ends."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.folder = folder
        self.servers_core, self.worker_core = cores()
        with on_core(self.servers_core):
            self.kafka = running.enter_context(KafkaServer(folder / "kafka", jvm=FIRST_COMPILER))
            self.redis = running.enter_context(RedisServer(folder / "redis"))
        self.logs = KafkaLogs(self.kafka.bootstrap_servers)
        self.logs.create([SCORES_TOPIC, DEAD_LETTERS_TOPIC], PARTITIONS)
        self.client = running.enter_context(redis.Redis(port=self.redis.port))
        self.client.config_set(*NO_REWRITE)

    def new_topic(self, name: str, load: Load) -> str:
        """A topic that holds these events; its log."""
        self.logs.create([name], PARTITIONS)
        send_events(self.kafka.bootstrap_servers, load.accounts, load.values, name)
        return self.logs.describe([name])[name].log

    def wipe(self) -> None:
        """Leave nothing of the run before, in memory and on disk."""
        self.client.flushall()
        self.client.bgrewriteaof()
        asyncio.run(settle(self.redis.settings))

    @property
    def used_memory(self) -> int:
        """Bytes that the store has allocated."""
        return int(self.client.info("memory")["used_memory"])
