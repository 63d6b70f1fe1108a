"""One run of the whole loop on Apache Kafka and Redis, for a domain that the engine has never heard of."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.production_servers import KafkaServer, RedisServer
from tests.end_to_end.millstream import ROOT, Millstream

pytestmark = [pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_second_domain_runs_on_kafka_and_redis(tmp_path: Path) -> None:
    """Same code, other settings: the neighbours that the environment names are used, none is started beside them."""
    with KafkaServer(tmp_path / "kafka") as kafka, RedisServer(tmp_path / "redis") as redis:
        run = Millstream(
            ROOT / "tests" / "domains" / "pumps",
            tmp_path / "var",
            MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
            MILLSTREAM_STORE__HOST=redis.host,
            MILLSTREAM_STORE__PORT=str(redis.port),
        )
        story = run("demo", deadline_s=480.0)
        logs = {file.stem for file in (tmp_path / "var" / "pumps" / "logs").iterdir()}
        assert not logs & {"tansu", "valkey"}
    assert story["dead_letters"] == 0
    assert story["scores"]["errors"] == 0
    assert story["verify"]["checked"] == story["scores"]["count"] > 0
    assert story["verify"]["mismatched"] == 0
