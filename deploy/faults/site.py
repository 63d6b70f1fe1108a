"""A site that faults happen to: broker, store and lake of a plan, as a harness asks and certifies them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from deploy.worker_process import WorkerProcess
from features.bootstrap import adopted_log, birth_of, start_offset
from features.errors import BrokerUnavailableError, LogNotAdoptedError
from features.lake import Lake, open_lake
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC
from features.plan import Plan, ViewPlan
from features.redis_store import RedisStore
from features.settings import KafkaSettings, StoreSettings
from features.store import AdoptedLog
from streams.logs import KafkaLogs

T = TypeVar("T")


class Site:
    """What stands around the workers. ``topic`` is the one that the plan reads."""

    def __init__(self, folder: Path, plan: Plan, *, topic: str, partitions: int, bootstrap_servers: str) -> None:
        self.folder = folder
        self.plan = plan
        self.topic = topic
        self.partitions = partitions
        self.bootstrap_servers = bootstrap_servers
        self.logs = KafkaLogs(bootstrap_servers)

    @property
    def store_settings(self) -> StoreSettings:
        """How the harness reaches the store."""
        raise NotImplementedError

    @property
    def worker_store_settings(self) -> StoreSettings:
        """How workers reach it."""
        return self.store_settings

    @property
    def lake_url(self) -> str:
        """Where the lake is."""
        return str(self.folder / "lake")

    @property
    def lake(self) -> Lake:
        """The lake, with nothing remembered of it."""
        return open_lake(self.lake_url)

    def create_topics(self) -> None:
        """Those that are not there."""
        self.logs.create([self.topic, SCORES_TOPIC, DEAD_LETTERS_TOPIC], self.partitions)

    def log(self) -> str:
        """The log that the topic is now."""
        info = self.logs.describe([self.topic]).get(self.topic)
        if info is None:
            raise BrokerUnavailableError("broker", f"does not show topic {self.topic}")
        return info.log

    def adopt(self) -> None:
        """Adopt the log that the topic is now, from its beginning, unless that was done."""
        log = self.log()

        async def adopt(store: RedisStore) -> None:
            try:
                adopted_log(await store.read_certificate(), self.topic, log)
            except LogNotAdoptedError:
                await store.adopt_log(AdoptedLog(topic=self.topic, log=log, start={}))

        self.ask(adopt)

    def ask(self, question: Callable[[RedisStore], Awaitable[T]]) -> T:
        """One question to the store."""

        async def once() -> T:
            store = RedisStore(self.plan.project, self.store_settings)
            await store.connect()
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(once())

    def new_worker(self, name: str, plan: Plan | None = None, **settings: Any) -> WorkerProcess:
        """A worker, not started."""
        return WorkerProcess(
            self.folder / name,
            plan or self.plan,
            lake=self.lake_url,
            kafka=KafkaSettings(bootstrap_servers=self.bootstrap_servers),
            store=self.worker_store_settings,
            **settings,
        )

    def birth(self, view: ViewPlan) -> str:
        """The birth of a view that is certified now."""

        async def ask(store: RedisStore) -> str:
            return birth_of(await store.read_certificate(), view).id

        return self.ask(ask)

    def restart_offsets(
        self, views: Sequence[ViewPlan] | None = None, log: str | None = None
    ) -> Mapping[tuple[str, int], int]:
        """Where a restarted worker would begin, by (log, partition), of one adopted log or of all."""

        async def read(store: RedisStore) -> tuple[Any, Any]:
            return await store.read_certificate(), await store.read_progress()

        certificate, progress = self.ask(read)
        lake = self.lake
        return {
            (adopted.log, partition): start_offset(
                certificate=certificate,
                progress=progress,
                lake_end=lake.end(self.topic, adopted.log, partition),
                views=views or self.plan.views,
                topic=self.topic,
                log=adopted.log,
                partition=partition,
            )
            for adopted in certificate.logs
            if adopted.topic == self.topic and log in {None, adopted.log}
            for partition in range(self.partitions)
        }
