"""The batch transport on a real broker, and the internals of Faust that it stands on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import TopicPartition
from confluent_kafka import Producer
from faust.app.base import App
from faust.topics import Topic
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from deploy.servers import TansuServer
from features.settings import KafkaSettings, Settings, WorkerSettings
from streams.app import WorkerApp, build_app, group_name
from streams.assignment import Assignment
from streams.batch import REDRIVE_HEADER, Batch
from streams.logs import KafkaLogs
from streams.pulse import Pulse
from streams.transport import BatchConsumer, BatchThread, BatchTransport
from tests.streams.shop import TOPIC, plan
from tests.waiting import wait_until_async


class Taken:
    """Takes batches, as the intake does, and keeps them."""

    def __init__(self, lanes: Assignment) -> None:
        self.lanes = lanes
        self.batches: list[Batch] = []
        self.stale = 0
        self.drained = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def take(self, batch: Batch) -> None:
        await self.go_on.wait()
        if batch.term == self.lanes.term:
            self.batches.append(batch)
            lane = self.lanes.lanes[batch.topic, batch.partition]
            lane.applied = lane.committed = batch.next_offset
        else:
            self.stale += 1
        self.lanes.put_down(batch.term)

    async def drain(self, deadline_s: float) -> None:
        self.drained += 1

    def offsets(self, partition: int) -> list[int]:
        return [offset for batch in self.batches if batch.partition == partition for offset in batch.offsets]


class Watch:
    """Says what the test wants it to say of the logs."""

    same = True

    async def same_logs(self, topics: Collection[str]) -> bool:
        assert topics
        return self.same


class Bench:
    """An app on a topic of its own."""

    def __init__(self, broker: str, topic: str, folder: Path) -> None:
        self.topic = topic
        self.logs = KafkaLogs(broker)
        self.logs.create([topic], 2)
        self.lanes = Assignment()
        self.taken = Taken(self.lanes)
        self.watch = Watch()
        self.start_at: dict[int, int] = {}
        self.producer = Producer({"bootstrap.servers": broker, "log_level": 0, "linger.ms": 2})
        settings = Settings(
            var=folder, kafka=KafkaSettings(bootstrap_servers=broker), worker=WorkerSettings(web_port=0)
        )
        self.app = build_app(
            settings,
            plan(topic),
            topics=[topic],
            lanes=self.lanes,
            pulse=Pulse(self.lanes.is_idle),
            log_watch=self.watch,
            taker=self.taken,
            tasks=[self.begin_lanes],
        )

    async def begin_lanes(self) -> None:
        """A steward who finds nothing wrong."""
        while True:
            for lane in self.lanes.waiting():
                if lane.state == "starting":
                    lane.begin(self.topic, self.start_at.get(lane.partition, 0))
            self.lanes.failure = None
            self.lanes.changed.clear()
            await self.lanes.changed.wait()

    def send(self, partition: int, n: int, headers: Any = None) -> None:
        for i in range(n):
            self.producer.produce(self.topic, b"%d" % i, partition=partition, headers=headers, timestamp=1_000 + i)
        assert not self.producer.flush(10)

    async def committed(self, broker: str) -> list[int | None]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker, group_id=group_name(plan(self.topic)), enable_auto_commit=False
        )
        await consumer.start()
        try:
            return [await consumer.committed(TopicPartition(self.topic, partition)) for partition in (0, 1)]
        finally:
            await consumer.stop()


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    """The app, joined to its group."""
    await bench.app.start()
    try:
        await wait_until_async(lambda: len(bench.lanes.running()) == 2, 30)
        yield
    finally:
        await bench.app.stop()


@pytest.mark.servers
async def test_batches_arrive_whole_and_in_order(tansu: TansuServer, tmp_path: Path) -> None:
    """Many records a batch, each offset once, with timestamps and the position that a re-drive names."""
    bench = Bench(tansu.bootstrap_servers, "transport-whole", tmp_path)
    bench.send(0, 5_000)
    bench.send(1, 3, headers=[(REDRIVE_HEADER, b"x/0/1")])
    bench.start_at[1] = 1
    async with running(bench):
        await wait_until_async(lambda: len(bench.taken.offsets(0)) + len(bench.taken.offsets(1)) == 5_002, 20)
        assert bench.taken.offsets(0) == list(range(5_000))
        assert bench.taken.offsets(1) == [1, 2]
        assert len(bench.taken.batches) < 50
        first = next(batch for batch in bench.taken.batches if batch.partition == 1)
        assert (first.first_offset, first.next_offset, first.log) == (1, 3, bench.topic)
        assert first.kafka_us == [1_001_000, 1_002_000]
        assert first.values == [b"1", b"2"]
        assert first.redrives == {1: "x/0/1", 2: "x/0/1"}
        bench.send(0, 10)
        await wait_until_async(lambda: len(bench.taken.offsets(0)) == 5_010, 10)
        assert bench.lanes.lanes[bench.topic, 0].end == 5_010
        assert await bench.app.consumer.force_commit()
        assert await bench.committed(tansu.bootstrap_servers) == [5_010, 3]


@pytest.mark.servers
async def test_a_new_term_reads_from_the_start_again(tansu: TansuServer, tmp_path: Path) -> None:
    """What was fetched before is stale; what comes after begins at the start offsets, without a gap."""
    bench = Bench(tansu.bootstrap_servers, "transport-term", tmp_path)
    bench.send(0, 500)
    async with running(bench):
        await wait_until_async(lambda: len(bench.taken.offsets(0)) == 500, 20)
        bench.taken.batches.clear()
        bench.start_at[0] = 100
        bench.lanes.fail("the store is gone")
        bench.send(0, 100)
        await wait_until_async(lambda: len(bench.taken.offsets(0)) >= 500, 20)
        assert bench.taken.offsets(0) == list(range(100, 600))
        bench.taken.batches.clear()
        bench.watch.same = False
        bench.send(0, 10)
        term = bench.lanes.term
        await wait_until_async(lambda: bench.lanes.term > term + 3, 20)
        assert bench.taken.batches == []
        bench.watch.same = True
        await wait_until_async(lambda: bench.taken.offsets(0) == list(range(100, 610)), 20)


@pytest.mark.servers
async def test_memory_is_bounded_while_the_engine_waits(tansu: TansuServer, tmp_path: Path) -> None:
    """With one batch in hand and one waiting nothing more is fetched, the membership stays, and then it goes on."""
    bench = Bench(tansu.bootstrap_servers, "transport-bound", tmp_path)
    bench.taken.go_on.clear()
    async with running(bench):
        lane, n_sent = bench.lanes.lanes[bench.topic, 0], 0
        while await bench.lanes.room(0.3):
            before = lane.fetched
            bench.send(0, 100)
            n_sent += 100
            await wait_until_async(lambda before=before: lane.fetched > before, 20)
        term, fetched = bench.lanes.term, lane.fetched
        bench.send(0, 400)
        bench.send(1, 50)
        for _ in range(3):
            assert not await bench.lanes.room(0.3)
        assert lane.fetched == fetched
        assert bench.lanes.lanes[bench.topic, 1].fetched == 0
        bench.taken.go_on.set()
        await wait_until_async(lambda: len(bench.taken.offsets(0)) == n_sent + 400, 20)
        await wait_until_async(lambda: len(bench.taken.offsets(1)) == 50, 20)
        assert bench.taken.offsets(0) == list(range(n_sent + 400))
        assert (bench.lanes.term, bench.taken.stale) == (term, 0)


@pytest.mark.servers
async def test_a_broker_that_goes_away_before_the_app_starts_is_waited_for(tmp_path: Path) -> None:
    """Killed after the worker found it up, and back later: the same app joins its group, where Faust's would end."""
    with TansuServer(tmp_path / "tansu") as broker:
        bench = Bench(broker.bootstrap_servers, "transport-away", tmp_path)
        broker.kill()
        starting = asyncio.create_task(bench.app.start())
        await wait_until_async(lambda: has_failed_to_connect(bench.app), 30)
        broker.start()
        bench.logs.create([bench.topic], 2)
        await starting
        try:
            await wait_until_async(lambda: len(bench.lanes.running()) == 2, 30)
            assert not bench.app.crashed
        finally:
            await bench.app.stop()


@pytest.mark.servers
async def test_an_app_that_waits_for_its_broker_can_be_told_to_end(tmp_path: Path) -> None:
    """It does not wait for the broker to come back."""
    with TansuServer(tmp_path / "tansu") as broker:
        bench = Bench(broker.bootstrap_servers, "transport-ended", tmp_path)
        broker.kill()
        starting = asyncio.create_task(bench.app.start())
        await wait_until_async(lambda: has_failed_to_connect(bench.app), 30)
        async with asyncio.timeout(20):
            await bench.app.stop()
            await starting


def has_failed_to_connect(app: WorkerApp) -> bool:
    """Whether a Kafka client of the app was given up."""
    thread = getattr(app.consumer, "_thread", None)
    consumer = getattr(thread, "_consumer", None)
    return bool(consumer is not None and consumer._closed)


@pytest.mark.servers
async def test_a_position_beyond_the_log_is_refused(tansu: TansuServer, tmp_path: Path) -> None:
    """A log that ends below where reading must go on has lost records, and says so; the other lane goes on."""
    bench = Bench(tansu.bootstrap_servers, "transport-beyond", tmp_path)
    bench.send(0, 10)
    await bench.app.start()
    bench.start_at[0] = 4_000
    try:
        await wait_until_async(lambda: any("4000" in problem for problem in bench.lanes.problems()), 30)
        assert bench.lanes.lanes[bench.topic, 0].state == "refused"
        bench.send(1, 7)
        await wait_until_async(lambda: len(bench.taken.offsets(1)) == 7, 20)
        assert bench.taken.offsets(0) == []
    finally:
        await bench.app.stop()
    assert bench.taken.drained == 1


async def test_a_partition_that_a_rebalance_brought_back_during_a_fetch_is_left_for_later() -> None:
    """The client has no position of it until it is sought; asked for one, it ended the process."""
    subscription = SubscriptionState()
    subscription.subscribe({TOPIC})
    sought, fresh, gone = (TopicPartition(TOPIC, partition) for partition in range(3))
    subscription.assign_from_subscribed([sought, fresh])
    assignment = subscription.subscription.assignment
    assignment.state_value(sought).reset_to(7)
    thread = BatchThread.__new__(BatchThread)  # what it is made of otherwise needs a running app
    thread._stood_at_ms = {}
    assert thread._placed(assignment, [sought, fresh, gone], {sought: ["record"]}) == {sought: (["record"], 7, None)}


def test_faust_is_the_one_that_is_overridden() -> None:
    """Every internal that the transport or the app replaces is still there, under the same name and shape."""
    assert version("faust-streaming") == "0.15.3"
    assert inspect.iscoroutinefunction(Consumer._drain_messages)
    assert inspect.iscoroutinefunction(Consumer.perform_seek)
    assert list(inspect.signature(Consumer.force_commit).parameters) == ["self", "topics", "start_new_transaction"]
    assert list(inspect.signature(AIOKafkaConsumerThread._create_worker_consumer).parameters) == ["self", "transport"]
    assert inspect.iscoroutinefunction(AIOKafkaConsumerThread._fetch_records)
    assert inspect.iscoroutinefunction(App._consumer_wait_empty)
    assert inspect.isfunction(App._new_transport)
    assert inspect.isfunction(App._create_directories)
    assert "self._compile_decode()" in inspect.getsource(Topic.__init__)
    assert "partitions and tp not in partitions" in inspect.getsource(Fetcher.fetched_records)
    assert "_fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)
    assert BatchTransport.Consumer is BatchConsumer
    assert issubclass(WorkerApp, App)
