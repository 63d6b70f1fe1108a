"""Recorded history and its replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition

from deploy.caught_up import CaughtUp
from deploy.instants import parse_instant, to_us
from deploy.log_ends import read_ends
from deploy.replay import PRODUCER, History, Replayer, load_history
from deploy.servers import TansuServer
from features.decode import Decoder
from features.domain import Domain
from features.errors import DomainError, NotServingError, RequestError, SettingsError
from features.formats.registry_client import RegistryClient
from features.formats.schemas import MemoryShelf, SchemaBook
from features.model_file import DemoSpec
from features.plan import AvroRecords, ColumnPlan, EntityKeyPlan, Plan, SourcePlan, ViewPlan
from features.settings import TracingSettings
from features.tracing import HEADER, TraceParent, open_tracer, parse_traceparent
from streams.logs import KafkaLogs
from tests.collector import Collector
from tests.schema_registry import running_registry

START = datetime(1998, 1, 1, tzinfo=UTC)


def source(topic: str) -> SourcePlan:
    return SourcePlan(
        topic=topic,
        timestamp_column="at",
        columns=(
            ColumnPlan(name="who", type="string", nullable=False),
            ColumnPlan(name="at", type="timestamp", nullable=False),
            ColumnPlan(name="amount", type="float64", nullable=True, decimals=2),
        ),
        max_ahead_us=0,
    )


def events(n: int) -> pa.Table:
    rows = [
        {"who": f"w{i % 7}", "at": START + timedelta(hours=n - i), "amount": None if i % 5 == 0 else i / 4, "other": i}
        for i in range(n)
    ]
    return pa.Table.from_pylist(rows).cast(
        pa.schema(
            [("who", pa.string()), ("at", pa.timestamp("us", "UTC")), ("amount", pa.float64()), ("other", pa.int64())]
        )
    )


def test_messages_are_the_declared_columns_in_time_order() -> None:
    """What is sent decodes under the declaration; undeclared columns stay at home."""
    declared = source("t")
    history = History(declared, ["who"], events(48))
    begin, end = to_us(START + timedelta(hours=10)), to_us(START + timedelta(hours=20))
    messages = list(history.messages(begin, end))
    assert len(messages) == history.count(begin, end) == 10
    decoded = Decoder(declared).decode([value for _, value in messages], [to_us(START) * 2] * 10)
    assert decoded.event_us == [begin + i * 3_600_000_000 for i in range(10)]
    assert not decoded.reasons
    assert set(msgspec.json.decode(messages[0][1])) == {"who", "at", "amount"}
    assert [key.decode() for key, _ in messages] == [msgspec.json.decode(value)["who"] for _, value in messages]


def test_messages_are_in_the_format_of_their_topic() -> None:
    """Avro behind a registry's header: the schema is registered as producers do, and the worker reads it there."""
    fields = [
        {"name": "who", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": ["null", "double"], "default": None},
    ]
    schema = msgspec.json.encode({"type": "record", "name": "T", "fields": fields}).decode()
    plain = source("t")
    declared = msgspec.structs.replace(plain, format=AvroRecords(schema=schema), wire="confluent")
    with pytest.raises(SettingsError, match="MILLSTREAM_SCHEMA_REGISTRY__URL"):
        list(History(declared, ["who"], events(4)).messages(None, None))
    with running_registry() as registry:
        messages = list(History(declared, ["who"], events(4), registry.settings).messages(None, None))
        assert registry.subjects == {"t-value": [1]}
        book = SchemaBook(MemoryShelf())
        book.ask(RegistryClient(registry.settings))
        arrived = [to_us(START) * 2] * 4
        decoded = Decoder(declared, book).decode([value for _, value in messages], arrived)
    in_json = [value for _, value in History(plain, ["who"], events(4)).messages(None, None)]
    assert decoded == Decoder(plain).decode(in_json, arrived)


def test_halves_make_the_whole() -> None:
    """``[from, until)``: no event is sent twice or left out between two slices."""
    history = History(source("t"), ["who"], events(30))
    middle = to_us(START + timedelta(hours=12))
    assert history.count(None, middle) + history.count(middle, None) == len(history) == 30
    assert history.count(middle, middle - 1) == 0
    assert history.last_at == START + timedelta(hours=30)


def domain_with_view(folder: Path, topic: str) -> tuple[Domain, Plan]:
    view = ViewPlan(
        name="v", topic=topic, keys=(EntityKeyPlan(name="who", type="string"),), features=(), ttl_us=0, hash="h"
    )
    plan = Plan(
        project="p", sources=(source(topic),), views=(view,), request_features=(), services=(), transforms_sha256=""
    )
    demo = DemoSpec(model="m", train_at=START, score_at=())
    return Domain(repo=folder, project="p", models={}, stated_demo=demo), plan


def test_missing_history_is_made_by_the_domain(tmp_path: Path) -> None:
    """`data/make.py` runs once; a maker that fails is named, and so is a file without a declared column."""
    domain, plan = domain_with_view(tmp_path, "t")
    with pytest.raises(DomainError, match="is missing"):
        load_history(domain, plan, "t")
    (tmp_path / "data").mkdir()
    maker = tmp_path / "data" / "make.py"
    maker.write_text("import sys; sys.exit('no source')")
    with pytest.raises(DomainError, match="no source"):
        load_history(domain, plan, "t")
    pq.write_table(events(5), tmp_path / "made.parquet")
    maker.write_text("import shutil; shutil.copy('made.parquet', 'data/t.parquet')")
    assert len(load_history(domain, plan, "t")) == 5
    pq.write_table(events(5).drop_columns(["amount"]), tmp_path / "data" / "t.parquet")
    with pytest.raises(DomainError, match="amount"):
        load_history(domain, plan, "t")


def test_a_maker_that_does_not_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and the error says what to do."""
    monkeypatch.setattr("deploy.replay.MAKE_DEADLINE_S", 0.2)
    domain, plan = domain_with_view(tmp_path, "t")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "make.py").write_text("import threading; threading.Event().wait()")
    with pytest.raises(DomainError, match=r"make\.py: has not ended within"):
        load_history(domain, plan, "t")


@pytest.mark.servers
def test_what_was_sent_is_at_the_broker(tansu: TansuServer) -> None:
    """Every event once, an entity on one partition, and the ends are those that a reader finds."""
    logs = KafkaLogs(tansu.bootstrap_servers)
    logs.create(["replayed"], 3)
    history = History(source("replayed"), ["who"], events(1_000))
    with Replayer(tansu.bootstrap_servers) as replayer:
        assert replayer.send(history) == 1_000
        assert replayer.send(history, None, to_us(START)) == 0
        delivered = dict(replayer.delivered)
    assert sum(delivered.values()) == 1_000
    waiting = CaughtUp(bootstrap_servers=tansu.bootstrap_servers, worker_ports=[])
    assert waiting.ends_of(delivered).items() <= read_ends(tansu.bootstrap_servers, logs, ["replayed"]).items()
    assert waiting.behind(waiting.ends(["replayed"])) == 1_000
    with pytest.raises(NotServingError, match="1000 records are not applied"):
        waiting.wait(waiting.ends_of(delivered), deadline_s=0.1)
    consumer = Consumer({"bootstrap.servers": tansu.bootstrap_servers, "group.id": "replay-test"})
    consumer.assign([TopicPartition("replayed", number, 0) for number in range(3)])
    partitions: dict[bytes, set[int]] = {}
    seen = 0
    while seen < 1_000:
        for message in consumer.consume(1_000, 10.0):
            partitions.setdefault(message.key(), set()).add(message.partition())
            seen += 1
    consumer.close()
    assert all(len(on) == 1 for on in partitions.values())
    assert len(partitions) == 7


@pytest.mark.servers
def test_a_sample_of_what_is_sent_begins_traces(tansu: TansuServer) -> None:
    """Each such record carries the span that sent it, which ends with its delivery and says where it went."""
    KafkaLogs(tansu.bootstrap_servers).create(["traced"], 1)
    history = History(source("traced"), ["who"], events(5))
    with Collector() as collector:
        tracer = open_tracer(TracingSettings(endpoint=collector.url, sample=1.0), PRODUCER)
        with Replayer(tansu.bootstrap_servers, tracer) as replayer:
            assert replayer.send(history) == 5
    consumer = Consumer({"bootstrap.servers": tansu.bootstrap_servers, "group.id": "replay-traces"})
    consumer.assign([TopicPartition("traced", 0, 0)])
    carried: dict[int, TraceParent | None] = {}
    while len(carried) < 5:
        for message in consumer.consume(5, 10.0):
            ((name, value),) = message.headers() or []
            assert name == HEADER
            carried[message.offset()] = parse_traceparent(value.decode())
    consumer.close()
    assert {span.attributes["messaging.kafka.offset"]: span.at for span in collector.spans} == carried
    assert {(span.name, span.kind, span.service) for span in collector.spans} == {
        ("send traced", "SPAN_KIND_PRODUCER", PRODUCER)
    }
    assert all(span.began_ns <= span.ended_ns for span in collector.spans)


def test_instants_are_utc_unless_they_say_otherwise() -> None:
    """Dates, times, zones; anything else is refused."""
    assert parse_instant("--from", "1998-01-01") == START
    assert parse_instant("--from", "1998-01-01T02:00:00+02:00") == START
    with pytest.raises(RequestError, match="is no instant"):
        parse_instant("--from", "yesterday")
