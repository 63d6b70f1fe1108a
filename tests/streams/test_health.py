"""The worker's pages."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from features.decode import Decoder
from features.errors import SettingsError
from streams.assignment import Assignment
from streams.batch import to_batch
from streams.health import HealthServer, worker_pages
from streams.metrics import WorkerMetrics
from streams.watermarks import Watermarks
from tests.streams.shop import HOUR_US, LOG, SOURCE, START_US, TOPIC, Sale, records


@pytest.fixture
def lanes() -> Assignment:
    lanes = Assignment()
    lanes.assign({(TOPIC, 0), (TOPIC, 1)})
    lanes.failure = None
    return lanes


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics()


@pytest.fixture
def watermarks(metrics: WorkerMetrics) -> Watermarks:
    return Watermarks(metrics)


@pytest.fixture
def address(lanes: Assignment, metrics: WorkerMetrics, watermarks: Watermarks) -> Iterator[str]:
    server = HealthServer(worker_pages(lanes, metrics, watermarks), port=0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def get(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def run_all(lanes: Assignment) -> None:
    for lane in lanes.lanes.values():
        lane.begin(LOG, 5)
        lane.state = "running"


def test_alive_is_not_ready(address: str, lanes: Assignment) -> None:
    """Alive as long as it answers; ready, with no problems, once every partition is read."""
    assert get(f"{address}/healthz") == (200, b'{"alive":true}')
    status, body = get(f"{address}/readyz")
    assert (status, json.loads(body)["ready"]) == (503, False)
    assert json.loads(body)["problems"] == [f"{TOPIC}/0 is starting", f"{TOPIC}/1 is starting"]
    run_all(lanes)
    assert get(f"{address}/readyz") == (200, b'{"ready":true,"problems":[]}')


def test_positions_tell_what_is_applied_and_committed(address: str, lanes: Assignment) -> None:
    """Per topic and partition, under its log."""
    run_all(lanes)
    lane = lanes.lanes[TOPIC, 1]
    lane.applied, lane.committed, lane.end = 9, 7, 12
    status, body = get(f"{address}/positions")
    assert status == 200
    assert json.loads(body)["partitions"][1] == {
        "topic": TOPIC,
        "partition": 1,
        "log": LOG,
        "state": "running",
        "applied": 9,
        "committed": 7,
        "end": 12,
        "watermark_lag_us": None,
        "problem": None,
    }


def test_metrics_show_the_lanes_of_now(address: str, lanes: Assignment) -> None:
    """Offsets and lag; those of a revoked partition are gone."""
    run_all(lanes)
    lanes.lanes[TOPIC, 0].end = 11
    status, body = get(f"{address}/metrics")
    assert status == 200
    found = {
        (sample.name, sample.labels.get("partition")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert found["millstream_worker_lag_records", "0"] == 6
    assert found["millstream_worker_applied_offset", "1"] == 5
    assert ("millstream_worker_lag_records", "1") not in found
    assert found["millstream_worker_ready", None] == 1
    lanes.assign({(TOPIC, 1)})
    assert b'partition="0"' not in get(f"{address}/metrics")[1]


def test_an_idle_partition_does_not_look_stuck(address: str, lanes: Assignment, watermarks: Watermarks) -> None:
    """Read to its end it is idle, and its lag stands still; a partition with records waiting is not idle."""
    run_all(lanes)
    late = Sale("ann", START_US + 998 * HOUR_US, 1.0)
    batch = to_batch(records([late]), topic=TOPIC, log=LOG, partition=0)
    watermarks.observe(batch, Decoder(SOURCE).decode(batch.values, batch.kafka_us))
    lanes.lanes[TOPIC, 0].end, lanes.lanes[TOPIC, 1].end = 5, 6
    found = {
        (sample.name, sample.labels.get("partition")): sample.value
        for family in text_string_to_metric_families(get(f"{address}/metrics")[1].decode())
        for sample in family.samples
    }
    assert [found["millstream_worker_idle", partition] for partition in ("0", "1")] == [1, 0]
    assert found["millstream_worker_watermark_timestamp_seconds", "0"] == late.sold_us / 1e6
    assert found["millstream_worker_watermark_lag_seconds", "0"] == 2 * 3_600
    assert ("millstream_worker_watermark_lag_seconds", "1") not in found
    assert json.loads(get(f"{address}/positions")[1])["partitions"][0]["watermark_lag_us"] == 2 * HOUR_US


def test_there_are_no_other_pages(address: str) -> None:
    """404, as JSON."""
    assert get(f"{address}/nothing")[0] == 404


def test_a_port_that_is_taken_is_told() -> None:
    """By the name of its setting."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SettingsError, match="MILLSTREAM_WORKER__METRICS_PORT"),
    ):
        HealthServer({}, port=taken.getsockname()[1])
