"""A shop under load whose plan changes: broker, store, workers, a scorer; producers and callers that never rest."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from deploy.births import make_births
from deploy.prepare import create_missing_topics
from deploy.production_servers import KafkaServer
from deploy.roll_out import RolledOut, RollOut
from deploy.running_stack import RunningStack
from deploy.servers import TansuServer, ValkeyServer
from deploy.worker_process import WorkerProcess
from features.bootstrap import Bootstrapped
from features.clock import SystemClock
from features.lake import open_lake
from features.plan import AggregatePlan, FeatureRef, Plan, ServicePlan, SourcePlan, ViewPlan
from features.plan_shelf import functions_of, plans_in_force, put_on_shelf, shelved_hashes, shelved_plan
from features.redis_store import RedisStore
from features.settings import KafkaSettings, LakeSettings, ScorerSettings, Settings
from features.store import Certificate
from features.vector import MissingPolicy
from features.verify import Judge, VerifyReport, verify
from grpc_api.metrics import ScorerMetrics
from grpc_api.plans import PlanFollower
from grpc_api.pointer import models_dir
from grpc_api.records import KafkaRecords
from millstream import Client
from streams.logs import describe_logs
from tests.grpc_api.running import RunningScorer
from tests.grpc_api.shop import DAY_US, HOUR_US, SALES, SPEND, publish
from tests.waiting import wait_until

N_BUYERS = 30
EVENTS_PER_S = 150
FRESH_S = 30.0
"""By then an event must show in an unchanged view, however busy the machine: a pause of the stream would last on."""
MODEL = "buys"


def heights(name: str, view_hash: str, *windows_h: int) -> ViewPlan:
    """A view beside `SPEND`: the highest price of some windows."""
    features = [
        AggregatePlan(name=f"max_{hours}h", function="max", column="price", window_us=hours * HOUR_US, hop_us=HOUR_US)
        for hours in windows_h
    ]
    return msgspec.structs.replace(SPEND, name=name, features=tuple(features), ttl_us=30 * DAY_US, hash=view_hash)


def plan_of(*views: ViewPlan, sources: Sequence[SourcePlan] = (SALES,)) -> Plan:
    """A plan whose one model reads every feature of these views."""
    refs = [FeatureRef(view=view.name, feature=name, kind="stream") for view in views for name in view.feature_names]
    return Plan(
        project="shop",
        sources=tuple(sources),
        views=views,
        request_features=(),
        services=(ServicePlan(name="buyers", features=tuple(refs)),),
        transforms_sha256=hashlib.sha256(b"").hexdigest(),
    )


class Caller:
    """Something done over and over in a thread; what went wrong is kept."""

    def __init__(self, act: Any, pause_s: float) -> None:
        self.n_done = 0
        self.failures: list[BaseException] = []
        self._act = act
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60.0)

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            try:
                self._act(self.n_done)
            except BaseException as error:
                self.failures.append(error)
            self.n_done += 1


class RollingWorld:
    """All of it, on the plan that comes first."""

    def __init__(self, folder: Path, running: ExitStack, plan: Plan, broker: type[TansuServer | KafkaServer]) -> None:
        self.folder = folder
        self.running = running
        self.broker = running.enter_context(broker(folder / "broker"))
        self.valkey = running.enter_context(ValkeyServer(folder / "valkey"))
        self.settings = Settings(
            var=folder / "var",
            kafka=KafkaSettings(bootstrap_servers=self.broker.bootstrap_servers, partitions=2),
            store=self.valkey.settings,
            lake=LakeSettings(url=str(folder / "lake")),
        )
        self.state_dir = self.settings.state_dir("shop")
        self.workers: dict[str, WorkerProcess] = {}
        self.freshness_s: list[float] = []
        self._versions = 0
        self._n_partitions = self.settings.kafka.partitions
        self.apply(plan)
        self.ask(lambda store: create_missing_topics(store, self.settings, plan))
        self.backfill()
        self.start_worker(plan)
        self.promote(plan)
        self.scorer = self._open_scorer()
        self.client = running.enter_context(Client(f"127.0.0.1:{self.scorer.port}", deadline_s=FRESH_S))
        self._producer = self._open_producer()
        self._retired: list[Producer] = []
        self.scoring = Caller(lambda i: self.client.score({"buyer": f"b{i % N_BUYERS}"}), 0.02)
        self.selling = Caller(lambda i: self.sell(f"b{i % N_BUYERS}", i % 97), 1 / EVENTS_PER_S)
        self.probing = Caller(self._probe, 0.1)
        self.load = (self.selling, self.scoring, self.probing)

    @property
    def lake(self) -> Any:
        return open_lake(self.settings.lake_url("shop"))

    def ask(self, question: Any) -> Any:
        """One question to the store."""

        async def once() -> Any:
            store = RedisStore("shop", self.settings.store)
            await store.connect()
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(once())

    def certificate(self) -> Certificate:
        return self.ask(lambda store: store.read_certificate())  # type: ignore[no-any-return]

    def apply(self, plan: Plan) -> None:
        """What ``millstream apply`` leaves in the state folder."""
        put_on_shelf(plan, b"", self.state_dir)

    def backfill(self) -> list[Bootstrapped]:
        """``millstream backfill --to-online``."""
        return asyncio.run(make_births(self.settings, self.state_dir, "shop", rebuild=False))

    def roll_out(self, plan: Plan, *, back: bool = False) -> RolledOut:
        """``millstream rollout``, the workers being started elsewhere: here; its patience is the test's, who asks."""
        stack = RunningStack(self.settings, self.state_dir)
        rolling = RollOut(self.settings, self.state_dir, stack=stack, say=lambda _: None, grace_s=0.1)
        return asyncio.run(rolling.run(plan, make_births=back))

    def start_worker(self, plan: Plan) -> None:
        """A worker of a plan; it waits for its births if it must."""
        worker = WorkerProcess(
            self.folder / f"worker-{len(self.workers)}-{plan.hash}",
            plan,
            lake=str(self.folder / "lake"),
            kafka=self.settings.kafka,
            store=self.settings.store,
        )
        self.running.callback(worker.kill)
        worker.spawn()
        self.workers[plan.hash] = worker

    def promote(self, plan: Plan) -> str:
        """A model trained for a plan becomes champion, and model sync points at it; its version."""
        self._versions += 1
        weights = [0.25] * len(plan.service("buyers").features)
        publish(models_dir(self.state_dir), str(self._versions), model=MODEL, plan=plan, weights=weights)
        return str(self._versions)

    def wait_until_served(self, version: str) -> None:
        wait_until(lambda: self.client.score({"buyer": "b1"}).version == version, 30.0, f"version {version} to serve")

    def sell(self, buyer: str, price: float, topic: str = SALES.topic) -> None:
        value = {"buyer": buyer, "at": msgspec.to_builtins(_now()), "price": float(price)}
        partition = int(hashlib.sha256(buyer.encode()).hexdigest(), 16) % self._n_partitions
        self._producer.produce(topic, msgspec.json.encode(value), partition=partition)
        self._producer.poll(0)

    def add_partitions(self, topic: str, n_partitions: int) -> None:
        """As ``kafka-topics --alter --partitions`` does; buyers of the topic of sales move with them."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 0})
        admin.create_partitions([NewPartitions(topic, n_partitions)])[topic].result(30.0)
        wait_until(
            lambda: describe_logs(self.broker.bootstrap_servers, [topic])[topic].partitions == n_partitions, 30.0
        )
        if topic == SALES.topic:
            self._retired.append(self._producer)  # what it still holds it sends
            self._producer, self._n_partitions = self._open_producer(), n_partitions

    def _open_producer(self) -> Producer:
        """One that knows the partitions of now."""
        return Producer({"bootstrap.servers": self.broker.bootstrap_servers, "linger.ms": 5, "log_level": 0})

    def features_of(self, buyer: str) -> dict[str, Any]:
        return dict(self.client.get_features({"buyer": buyer}).values)

    def _probe(self, i: int) -> None:
        """A new buyer's first sale shows in the view that never changes."""
        began_s = time.monotonic()
        self.sell(f"probe-{i}", 1.0)
        wait_until(lambda: self.features_of(f"probe-{i}")["spend:n_day"] == 1, FRESH_S, "an event to show")
        self.freshness_s.append(time.monotonic() - began_s)

    def verify(self) -> VerifyReport:
        """``millstream verify``: every record of the lake against the plan that it was made by."""
        judges = {
            plan_hash: Judge(plan, functions_of(plan, self.state_dir), lambda _: MissingPolicy())
            for plan_hash in shelved_hashes(self.state_dir)
            for plan in [shelved_plan(self.state_dir, plan_hash)]
        }
        return verify(self.lake, judges[plans_in_force(self.state_dir).serving]._replace(other=judges.get))

    def fields(self, *keys: bytes) -> list[dict[bytes, bytes]]:
        """Whole hashes of the store, all entities' where none is named."""

        async def read(store: RedisStore) -> list[dict[bytes, bytes]]:
            (shard,) = store._every()
            found = keys or [key async for page in store.entity_keys(["buyer"]) for key in page]
            replies = [await shard.call(b"HGETALL", key) for key in found]
            return [dict(zip(reply[::2], reply[1::2], strict=True)) for reply in replies]

        return self.ask(read)  # type: ignore[no-any-return]

    def _open_scorer(self) -> RunningScorer:
        metrics = ScorerMetrics()
        records = KafkaRecords(bootstrap_servers=self.broker.bootstrap_servers, queue_records=100_000, metrics=metrics)
        plans = PlanFollower(self.state_dir, on_change=lambda declared: scorer.declare(declared))
        scorer = RunningScorer(
            settings=ScorerSettings(port=0, rest=False),
            declared=plans.look(),
            models_folder=models_dir(self.state_dir),
            open_reader=lambda: RedisStore("shop", self.settings.store),
            records=records,
            metrics=metrics,
            clock=SystemClock(),
        )
        scorer.start()
        plans.start()
        for end in (records.close, lambda: scorer.stop(1.0), plans.stop):  # in reverse
            self.running.callback(end)
        return scorer


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


@contextmanager
def rolling_world(
    folder: Path, plan: Plan, broker: type[TansuServer | KafkaServer] = TansuServer
) -> Iterator[RollingWorld]:
    """A world under load; it ends its processes."""
    with ExitStack() as running:
        world = RollingWorld(folder, running, plan, broker)
        for caller in world.load:
            caller.start()
            running.callback(caller.stop)
        yield world


def failures(callers: Sequence[Caller]) -> list[str]:
    """What went wrong, in words."""
    return [repr(error) for caller in callers for error in caller.failures]
