"""Topics made anew, brokers that forget, and records that are bad."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from features.nouns import DEAD_LETTERS_TOPIC
from tests.faults.worker_world import FaultWorld, fault_world
from tests.streams.shop import TOPIC
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_broker_that_forgets_is_another_log(tmp_path: Path) -> None:
    """Restarted with empty memory: nothing of the new log is read until it is adopted, then all of it counts."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(3_000)
        worker = world.worker()
        worker.start()
        world.confirmed(3_000)
        world.tansu.restart()
        world.create_topics()
        world.send(6_000)  # more than was read of the old log, so that its offsets exist in the new one
        wait_until(lambda: "millstream adopt" in worker.problems(), 60)
        wait_until(lambda: worker.get("/healthz") == {"alive": True})
        assert world.rows() == 3_000
        world.adopt()
        world.confirmed(9_000, 90)
        wait_until(worker.is_ready, 30)
        assert world.compare(9_000) == 400


def test_a_topic_deleted_and_made_again_is_another_log(tmp_path: Path) -> None:
    """The same on a broker that goes on running."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(3_000)
        worker = world.worker()
        worker.start()
        world.confirmed(3_000)
        admin = AdminClient({"bootstrap.servers": world.tansu.bootstrap_servers})
        admin.delete_topics([TOPIC])[TOPIC].result(10)
        world.create_topics()
        world.send(6_000)
        wait_until(lambda: "millstream adopt" in worker.problems(), 60)
        assert world.rows() == 3_000
        world.adopt()
        world.confirmed(9_000, 90)
        assert world.compare(9_000) == 400


def test_a_poisoned_topic_stops_nothing(tmp_path: Path) -> None:
    """Bad records at one per cent, of all kinds: each becomes a dead letter and is announced; the rest is right."""
    with fault_world(tmp_path) as world:
        world.ready()
        world.send(10_000, bad=range(50, 10_000, 100))
        worker = world.worker()
        worker.start()
        world.confirmed(10_000)
        assert world.compare(9_900) == 400
        refused = world.lake.read(world.plan.sources[0], valid_only=False).to_pylist()
        letters = {
            f"{r['log']}/{r['partition']}/{r['offset']}": r["reason"] for r in refused if r["reason"] is not None
        }
        assert len(letters) == 100
        assert {reason.partition(":")[0] for reason in letters.values()} == {
            "not_decodable",
            "schema_breach",
            "out_of_range",
            "ahead_of_its_time",
        }
        assert announced(world, 100) == letters
        wait_until(lambda: worker.metric("dead_letters_total") == 100, 10)


def announced(world: FaultWorld, n: int) -> dict[str, str]:
    """Reasons by key, as they stand on the dead-letter topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": world.tansu.bootstrap_servers,
            "group.id": "test",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([DEAD_LETTERS_TOPIC])
    found: dict[str, str] = {}

    def all_read() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found[message.key().decode()] = json.loads(message.value())["reason"]
        return len(found) >= n

    wait_until(all_read, 30)
    consumer.close()
    return found
