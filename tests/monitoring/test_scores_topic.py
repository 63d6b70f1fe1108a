"""The thin edge to Kafka, over a consumer in memory and over a real broker."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client.parser import text_string_to_metric_families

from deploy.server_process import free_port
from deploy.servers import TansuServer
from features.decode import Decoder
from features.errors import BrokerUnavailableError
from features.lake import Lake, LakeBatch, open_lake
from features.nouns import SCORES_SOURCE, SCORES_TOPIC
from features.plan import Plan
from features.settings import KafkaSettings, MonitorSettings, Settings
from monitoring.scores_lake import read_scores
from monitoring.scores_topic import MAX_WAITING, ScoresTopic
from monitoring.watch import run_monitor
from tests.monitoring.scores import SCORED_US, draw, messages, write_bundle
from tests.waiting import wait_until


class Message:
    """A message of `confluent_kafka`, or an event in its form."""

    def __init__(self, partition: int, offset: int, time: int = 0, error: int | None = None) -> None:
        self._facts = (partition, offset, time)
        self._error = None if error is None else KafkaError(error)

    def error(self) -> KafkaError | None:
        """None for a record."""
        return self._error

    def partition(self) -> int:
        """Where it stands."""
        return self._facts[0]

    def offset(self) -> int:
        """Where it stands."""
        return self._facts[1]

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds."""
        return 1, self._facts[2]

    def value(self) -> bytes:
        """Its bytes."""
        return b"%d" % self._facts[2]


class FakeConsumer:
    """What a consumer does, by script."""

    def __init__(self, partitions: int = 2) -> None:
        self.partitions = partitions
        self.kept: dict[int, int] = {}
        self.assigned: dict[int, int] = {}
        self.paused: set[int] = set()
        self.script: list[list[Message]] = []
        self.down = False

    def _answer(self) -> None:
        if self.down:
            raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Metadata."""
        self._answer()
        error = None if self.partitions else KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
        return SimpleNamespace(
            topics={topic: SimpleNamespace(error=error, partitions=dict.fromkeys(range(self.partitions)))}
        )

    def committed(self, partitions: list[Any], timeout: float) -> list[Any]:
        """The group's offsets; a negative number where there is none."""
        self._answer()
        for partition in partitions:
            partition.offset = self.kept.get(partition.partition, -1001)
        return partitions

    def incremental_assign(self, partitions: list[Any]) -> None:
        """Note them."""
        assert not self.assigned.keys() & {p.partition for p in partitions}
        self.assigned |= {p.partition: p.offset for p in partitions}

    def pause(self, partitions: list[Any]) -> None:
        """Note them."""
        self.paused |= {p.partition for p in partitions}

    def resume(self, partitions: list[Any]) -> None:
        """Note them."""
        self.paused -= {p.partition for p in partitions}

    def consume(self, num_messages: int, timeout: float) -> list[Any]:
        """The next scene."""
        return list(self.script.pop(0)) if self.script else []

    def get_watermark_offsets(self, partition: Any, *, cached: bool) -> tuple[int, int] | None:
        """Each partition ends at 10."""
        return 0, 10

    def commit(self, *, offsets: list[Any], asynchronous: bool) -> None:
        """Keep them."""
        self._answer()
        self.kept |= {p.partition: p.offset for p in offsets}


def eof(partition: int) -> Message:
    """The event at the end of a partition."""
    return Message(partition, 0, error=KafkaError._PARTITION_EOF)


def opened(consumer: FakeConsumer, *, from_beginning: bool = True) -> ScoresTopic:
    """A topic that knows its partitions."""
    topic = ScoresTopic(consumer, from_beginning=from_beginning)
    topic.include_new_partitions()
    return topic


def test_it_goes_on_where_the_group_left_off() -> None:
    """Partitions without an offset, new ones too, are read from their beginning."""
    consumer = FakeConsumer()
    consumer.kept = {1: 7}
    topic = opened(consumer, from_beginning=False)
    assert consumer.assigned == {0: OFFSET_BEGINNING, 1: 7}
    consumer.partitions = 3
    topic.include_new_partitions()
    assert consumer.assigned == {0: OFFSET_BEGINNING, 1: 7, 2: OFFSET_BEGINNING}


def test_from_the_beginning_the_groups_offsets_are_not_looked_at() -> None:
    """A report over all can be made beside a running watcher."""
    consumer = FakeConsumer()
    consumer.kept = {0: 7, 1: 7}
    opened(consumer)
    assert set(consumer.assigned.values()) == {OFFSET_BEGINNING}


def test_records_come_in_the_order_of_time_until_every_partition_ends() -> None:
    """One partition is fetched before the other; what comes out is merged."""
    consumer = FakeConsumer()
    consumer.script = [
        [Message(0, 0, 10), Message(0, 1, 30), eof(0)],
        [Message(1, 0, 20)],
        [Message(1, 1, 40), eof(1)],
    ]
    topic = opened(consumer)
    reads = []
    while not topic.at_end:
        reads.append([message.value for message in topic.read(0)])
    assert reads == [[], [b"10", b"20"], [b"30", b"40"]]
    assert topic.next_offsets == {0: 2, 1: 2}
    assert topic.lag == 16


def test_an_error_loses_nothing_that_came_with_it() -> None:
    """The records of that fetch are handed out by the next call."""
    consumer = FakeConsumer(partitions=1)
    consumer.script = [[Message(0, 0, 1), Message(0, 0, error=KafkaError.UNKNOWN_TOPIC_OR_PART), Message(0, 1, 2)], []]
    topic = opened(consumer)
    with pytest.raises(BrokerUnavailableError, match="UNKNOWN_TOPIC"):
        topic.read(0)
    assert [message.offset for message in topic.read(0)] == [0, 1]


def test_a_partition_that_runs_ahead_is_held_back() -> None:
    """What waits in memory is bounded."""
    consumer = FakeConsumer()
    consumer.script = [[Message(0, offset, offset) for offset in range(MAX_WAITING + 1)], [eof(1)]]
    topic = opened(consumer)
    assert topic.read(0) == []
    assert consumer.paused == {0}
    assert len(topic.read(0)) == MAX_WAITING + 1
    assert consumer.paused == set()


def test_a_broker_that_is_away_is_unavailable() -> None:
    """Metadata, offsets and commits alike; and so is a topic that does not exist."""
    consumer = FakeConsumer()
    topic = opened(consumer)
    consumer.down = True
    with pytest.raises(BrokerUnavailableError):
        topic.include_new_partitions()
    with pytest.raises(BrokerUnavailableError):
        topic.commit({0: 1})
    with pytest.raises(BrokerUnavailableError, match="not there"):
        opened(FakeConsumer(partitions=0))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[TansuServer]:
    """A broker of its own: the topic's name is not for a test to choose."""
    with TansuServer(tmp_path / "tansu") as server:
        admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
        for made in admin.create_topics([NewTopic(SCORES_TOPIC, num_partitions=2)]).values():
            made.result(10)
        yield server
        server.kill()  # it has nothing to save, and takes seconds to end in order


def rows_of(*, seed: int, n_rows: int, shift: float = 0.0) -> npt.NDArray[np.float64]:
    """Traffic in which one feature has moved."""
    rows = draw(np.random.default_rng(seed), n_rows)
    rows[:, 0] += shift
    return rows


def produce(broker: TansuServer, seed: int, n_rows: int, shift: float = 0.0) -> None:
    """Send scores of live traffic in which one feature has moved."""
    rows = rows_of(seed=seed, n_rows=n_rows, shift=shift)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for message in messages(rows):
        producer.produce(SCORES_TOPIC, message.value, partition=message.partition)
    assert producer.flush(10) == 0


PLAN = Plan(project="shop", sources=(), views=(), request_features=(), services=(), transforms_sha256="")


def settings_for(tmp_path: Path, broker: TansuServer, *, metrics_port: int = 0) -> Settings:
    """Of a domain whose champion was trained on `draw`."""
    settings = Settings(
        var=tmp_path / "var",
        kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers),
        monitor=MonitorSettings(metrics_port=metrics_port),
    )
    write_bundle(settings.state_dir("shop") / "models", draw(np.random.default_rng(0), 5_000))
    return settings


@pytest.mark.servers
def test_once_over_a_broker_reports_all_that_the_topic_holds(tmp_path: Path, broker: TansuServer) -> None:
    """Two windows, the second one shifted; the report and the page are on disk."""
    settings = settings_for(tmp_path, broker)
    produce(broker, 1, 2_064)
    produce(broker, 2, 2_064, shift=2.5)
    report = run_monitor(settings, PLAN, once=True)
    assert (report.records, report.windows, report.skipped) == (4_128, 2, {})
    assert {(alarm.feature, alarm.window.index) for alarm in report.alarms} == {("v:normal", 1)}
    assert [Path(page).is_file() for page in report.pages] == [True]
    assert (settings.state_dir("shop") / "reports" / "drift.json").is_file()


@pytest.mark.servers
def test_once_reads_the_lake_where_the_broker_has_forgotten(tmp_path: Path, broker: TansuServer) -> None:
    """The topic is there and empty, as after a restart of a broker that keeps its log in memory."""
    settings = settings_for(tmp_path, broker)
    keep(open_lake(settings.lake_url("shop")), rows_of(seed=1, n_rows=2_064, shift=2.5))
    report = run_monitor(settings, PLAN, once=True)
    assert (report.records, report.windows) == (2_064, 1)
    assert {alarm.feature for alarm in report.alarms} == {"v:normal"}


def test_the_lake_gives_its_records_in_the_order_of_time(tmp_path: Path) -> None:
    """Partitions are merged; what is no score record is left out."""
    lake = open_lake(str(tmp_path))
    rows = rows_of(seed=1, n_rows=20)
    keep(lake, rows)
    wanted = list(messages(rows))
    assert list(read_scores(lake)) == wanted
    assert list(read_scores(open_lake(str(tmp_path / "empty")))) == []


def keep(lake: Lake, rows: npt.NDArray[np.float64]) -> None:
    """Put score records of live traffic into the lake, one a second, as the worker does."""
    all_of_them = list(messages(rows))
    for partition in (0, 1):
        mine = [(number, m) for number, m in enumerate(all_of_them) if m.partition == partition]
        values = [message.value for _, message in mine]
        kafka_us = [SCORED_US + 1_000_000 * number for number, _ in mine]
        decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
        batch = LakeBatch(len(mine), range(len(mine)), kafka_us, values, decoded)
        lake.append(SCORES_SOURCE, "AAAAAAAAQACAAAAAAAAAAQ", partition, batch)


def records_watched(port: int) -> float:
    """What the watcher on this port says at ``/metrics``; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
    except OSError:
        return 0
    return sum(s.value for family in families for s in family.samples if s.name == "millstream_monitor_records_total")


@contextmanager
def watching(settings: Settings) -> Iterator[None]:
    """A watcher that follows the topic while the block runs."""
    stop = threading.Event()
    watcher = threading.Thread(target=run_monitor, args=(settings, PLAN), kwargs={"stop": stop})
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join(30)
    assert not watcher.is_alive()


@pytest.mark.servers
def test_a_second_watcher_goes_on_where_the_first_was_stopped(tmp_path: Path, broker: TansuServer) -> None:
    """Records of the window that was open are read again, those of the judged one are not."""
    port = free_port()
    settings = settings_for(tmp_path, broker, metrics_port=port)
    produce(broker, 1, 2_500)
    with watching(settings):
        wait_until(lambda: records_watched(port) == 2_500, deadline_s=60)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert answer.status == 200
    produce(broker, 2, 100)
    with watching(settings):
        wait_until(lambda: records_watched(port) == 2_500 - 2_064 + 100, deadline_s=60)
