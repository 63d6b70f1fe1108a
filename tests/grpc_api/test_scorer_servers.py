"""The scorer on a real store and a real broker, both of which come and go."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, TopicPartition

from deploy.servers import TansuServer, ValkeyServer
from features.nouns import SCORES_TOPIC, ScoreRecord
from features.redis_store import RedisStore
from features.settings import ScorerSettings, StoreSettings
from features.store import Birth, Store
from grpc_api.metrics import ScorerMetrics
from grpc_api.records import KafkaRecords
from millstream import Client, ScoreResult, ServerUnavailableError
from streams.logs import create_topics
from tests.grpc_api.shop import BIRTH, PLAN, SPEND, Shop, publish, stock
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

STORE_S = 1.0
"""How long the scorers of these tests wait for the store."""

Running = tuple[Shop, Client]


def on_store(settings: StoreSettings, action: str) -> None:
    """Fill the store, or end or change what its certificate says of the view."""

    async def act() -> None:
        store: Store = RedisStore(PLAN.project, settings)
        await store.connect()
        birth = Birth(view=SPEND.name, view_hash=SPEND.hash, id=BIRTH, cut={}, serving=True)
        if action == "end":
            await store.drop_birth(SPEND.name, BIRTH)
        elif action == "serve no more":
            await store.write_birth(msgspec.structs.replace(birth, serving=False))
        elif action == "be of another declaration":
            await store.write_birth(msgspec.structs.replace(birth, view_hash="f" * 16))
        elif action == "serve":
            await store.write_birth(birth)
        await store.close()

    if action == "stock":
        stock(RedisStore(PLAN.project, settings))
    else:
        asyncio.run(act())


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A store of the test's own, with two buyers in it."""
    with ValkeyServer(tmp_path / "valkey") as server:
        on_store(server.settings, "stock")
        yield server


@pytest.fixture
def running(own_valkey: ValkeyServer, tmp_path: Path) -> Iterator[Running]:
    """A scorer on that store."""
    publish(tmp_path / "models", "1")
    settings = own_valkey.settings.model_copy(update={"timeout_s": STORE_S})
    shop = Shop(tmp_path / "models", open_reader=lambda: RedisStore(PLAN.project, settings))
    shop.scorer.start()
    with Client(shop.address) as client:
        yield shop, client
    shop.scorer.stop(drain_s=1.0)


def answers(client: Client) -> bool:
    """Whether ann is scored."""
    try:
        result = client.score({"buyer": "ann"})
    except ServerUnavailableError:
        return False
    assert not any(note.reason == "unknown_entity" for note in result.notes)
    return True


def refused_within(client: Client, seconds: float) -> bool:
    """Whether a question is refused that soon."""
    asked_s = time.monotonic()
    assert not answers(client)
    return time.monotonic() - asked_s < seconds


def test_a_store_is_asked_for_single_rows_and_for_batches(running: Running) -> None:
    """Known and unknown entities, as in memory."""
    client = running[1]
    single = client.score({"buyer": "ann"})
    batch = client.score_batch([{"buyer": name} for name in ("ann", "bob", "nobody")] * 40)

    assert single.raw_score == 9.5
    assert [row.raw_score for row in batch if isinstance(row, ScoreResult)] == [9.5, 0.0, 0.0] * 40


@pytest.mark.faults
def test_a_store_that_goes_away_and_comes_back_is_used_again(own_valkey: ValkeyServer, running: Running) -> None:
    """In between callers hear that they may try again; no answer calls a known entity unknown."""
    client = running[1]
    assert answers(client)
    own_valkey.kill()
    with pytest.raises(ServerUnavailableError, match="UNAVAILABLE"):
        client.score({"buyer": "ann"})
    own_valkey.start()

    wait_until(lambda: answers(client))


@pytest.mark.faults
def test_a_store_that_comes_back_empty_is_not_a_store_of_new_customers(
    own_valkey: ValkeyServer, running: Running, tmp_path: Path
) -> None:
    """Not one answer is given from it, however early the question; once filled again it is read."""
    client = running[1]
    assert answers(client)
    own_valkey.kill()
    for path in (tmp_path / "valkey").rglob("*.aof*"):
        if path.is_file():
            path.unlink()
    own_valkey.start()
    for _ in range(50):
        assert not answers(client)
    on_store(own_valkey.settings, "stock")

    wait_until(lambda: answers(client))


@pytest.mark.faults
def test_a_store_that_hangs_costs_one_time_out(own_valkey: ValkeyServer, running: Running) -> None:
    """And the calls behind it none: within seconds the births are out of sight, and all calls are refused at once."""
    client = running[1]
    assert answers(client)
    own_valkey.pause()
    with pytest.raises(ServerUnavailableError):
        client.score({"buyer": "ann"}, deadline_s=4.0)
    wait_until(lambda: refused_within(client, STORE_S / 2), what="the births to be out of sight")
    asked_s = time.monotonic()
    assert not any(answers(client) for _ in range(20))
    assert time.monotonic() - asked_s < 20 * STORE_S / 2
    own_valkey.resume()

    wait_until(lambda: answers(client))


@pytest.mark.parametrize("action", ["end", "serve no more", "be of another declaration"])
def test_a_view_without_a_serving_birth_is_not_read(own_valkey: ValkeyServer, running: Running, action: str) -> None:
    """The scorer sees it within a second, and sees as well that it serves again."""
    client = running[1]
    assert answers(client)
    on_store(own_valkey.settings, action)
    wait_until(lambda: not answers(client))
    with pytest.raises(ServerUnavailableError, match=r"view spend: .* does not certify"):
        client.get_features({"buyer": "ann"}, service="buyers")
    on_store(own_valkey.settings, "serve")

    wait_until(lambda: answers(client))


def test_models_are_swapped_under_load_without_an_error(running: Running) -> None:
    """Each answer is of one version as a whole, and versions only go up."""
    shop, _ = running
    seen: list[list[int]] = [[] for _ in range(4)]
    errors: list[Exception] = []
    done = threading.Event()

    def ask(versions: list[int]) -> None:
        with Client(shop.address) as client:
            while not done.is_set():
                try:
                    result = client.score({"buyer": "ann"})
                except Exception as error:
                    errors.append(error)
                    return
                versions.append(int(result.version))
                assert result.raw_score == 9.5 + (int(result.version) - 1)

    threads = [threading.Thread(target=ask, args=(versions,)) for versions in seen]
    for thread in threads:
        thread.start()
    for version in range(2, 9):
        publish(shop.models, str(version), bias=float(version - 1))
        wait_until(lambda version=version: all(versions and versions[-1] == version for versions in seen))  # type: ignore[misc]  # binds the loop's value
    done.set()
    for thread in threads:
        thread.join()

    assert errors == []
    assert all(versions == sorted(versions) for versions in seen)


def read_topic(bootstrap: str, topic: str, n: int) -> list[ScoreRecord]:
    """The first n records of a topic of one partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        messages = consumer.consume(n, timeout=20)
    finally:
        consumer.close()
    return [msgspec.json.decode(message.value(), type=ScoreRecord) for message in messages]


def has_records(bootstrap: str, topic: str) -> bool:
    """Whether the only partition of a topic holds any record."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{topic}-look", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        message = consumer.poll(1.0)
    finally:
        consumer.close()
    return message is not None and message.error() is None


def test_a_record_on_the_topic_equals_the_answer(tansu: TansuServer, own_valkey: ValkeyServer, tmp_path: Path) -> None:
    """One a row, in order, with numbers whole to the last bit."""
    topic = "grpc_api-records"
    create_topics(tansu.bootstrap_servers, [topic], 1)
    metrics = ScorerMetrics()
    records = KafkaRecords(bootstrap_servers=tansu.bootstrap_servers, queue_records=1_000, metrics=metrics, topic=topic)
    publish(tmp_path / "models", "1", weights=[0.1, 0.017, 1e-9, 1e-7, 0.3])
    shop = Shop(
        tmp_path / "models",
        open_reader=lambda: RedisStore(PLAN.project, own_valkey.settings),
        records=records,
        metrics=metrics,
    )
    shop.scorer.start()
    with Client(shop.address) as client:
        results = [client.score({"buyer": "ann"}, request={"basket": 1.1})]
        results += [row for row in client.score_batch([{"buyer": "bob"}] * 150) if isinstance(row, ScoreResult)]
    shop.scorer.stop(drain_s=1.0)
    assert records.close() == 0
    found = read_topic(tansu.bootstrap_servers, topic, len(results))

    assert [(r.request_id, r.score, r.raw_score, r.decision, r.version) for r in found] == [
        (r.request_id, r.score, r.raw_score, r.decision, r.version) for r in results
    ]
    assert found[0].vector == (2.0, 30.0, 15.0, 3600.0, 1.1 / 15.0)
    assert metrics.registry.get_sample_value("millstream_scorer_records_total", {"outcome": "queued"}) == 151


@pytest.mark.faults
def test_a_broker_that_is_away_costs_records_and_no_request(own_valkey: ValkeyServer, tmp_path: Path) -> None:
    """What no longer fits in the queue is dropped and counted, one by one."""
    metrics = ScorerMetrics()
    records = KafkaRecords(bootstrap_servers="127.0.0.1:1", queue_records=20, metrics=metrics)
    publish(tmp_path / "models", "1")
    shop = Shop(
        tmp_path / "models",
        open_reader=lambda: RedisStore(PLAN.project, own_valkey.settings),
        records=records,
        metrics=metrics,
        settings=ScorerSettings(port=0, rest=False),
    )
    shop.scorer.start()
    with Client(shop.address) as client:
        for _ in range(10):
            client.score({"buyer": "ann"})
        results = client.score_batch([{"buyer": "ann"}] * 90)
    shop.scorer.stop(drain_s=1.0)
    left = records.close(timeout_s=0.1)

    def outcome(name: str) -> float:
        return metrics.registry.get_sample_value("millstream_scorer_records_total", {"outcome": name}) or 0.0

    assert all(isinstance(result, ScoreResult) for result in results)
    assert left == 20
    assert (outcome("queued"), outcome("dropped"), outcome("failed")) == (20, 80, 20)


@pytest.mark.faults
def test_records_go_on_after_a_broker_that_forgot(own_valkey: ValkeyServer, tmp_path: Path) -> None:
    """The embedded broker comes back empty under a scorer that lives on: scores from then on leave records again."""
    publish(tmp_path / "models", "1")
    with TansuServer(tmp_path / "tansu") as broker:
        create_topics(broker.bootstrap_servers, [SCORES_TOPIC], 1)
        metrics = ScorerMetrics()
        records = KafkaRecords(bootstrap_servers=broker.bootstrap_servers, queue_records=1_000, metrics=metrics)
        shop = Shop(
            tmp_path / "models",
            open_reader=lambda: RedisStore(PLAN.project, own_valkey.settings),
            records=records,
            metrics=metrics,
        )
        shop.scorer.start()
        with Client(shop.address) as client:
            for _ in range(3):
                client.score({"buyer": "ann"})
            assert len(read_topic(broker.bootstrap_servers, SCORES_TOPIC, 3)) == 3
            broker.restart()
            create_topics(broker.bootstrap_servers, [SCORES_TOPIC], 1)

            def asked_and_recorded() -> bool:
                client.score({"buyer": "ann"})
                return has_records(broker.bootstrap_servers, SCORES_TOPIC)

            wait_until(asked_and_recorded, 60, "a record of a new score")
        shop.scorer.stop(drain_s=1.0)
        records.close()
