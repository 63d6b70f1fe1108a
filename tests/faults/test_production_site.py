"""A short run of the fault harness on Apache Kafka and Redis, and a judge that sees what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from deploy.bench_faults import Load, hurt
from deploy.faults.judge import judge
from deploy.faults.payments import PARTITIONS, SPEND, TOPIC, Payments
from deploy.faults.production_site import ProductionSite
from features.feast_layout import state_field

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 11
N_EVENTS = 25_000
KINDS = (
    "partitions_added",
    "second_group",
    "store_failed_over",
    "network_cut",
    "store_full",
    "worker_joined",
    "broker_restarted",
    "group_deleted",
)
"""Those that have no test of their own on the embedded servers."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionSite]:
    """One that was hurt and has settled."""
    load = Load(seconds=16.0, n_events=N_EVENTS, kinds=KINDS)
    with ExitStack() as running:
        site = ProductionSite(
            tmp_path_factory.mktemp("site"),
            running,
            Payments(SEED, load.n_events),
            seconds=load.seconds,
            note=print,
        )
        hurt(site, SEED, load, note=print)
        yield site


def test_nothing_is_lost_or_doubled_whatever_happens(site: ProductionSite) -> None:
    """Eight faults under load, one after the other: all that was sent stands where it must, once."""
    assert site.sent.n == N_EVENTS
    verdict = judge(site)
    assert verdict[:4] == (0, 0, 0, 0), verdict.findings
    assert len(site.written_plan.views) == 2
    assert len(site.sent.ends) > PARTITIONS


def test_the_judge_sees_what_is_wrong(site: ProductionSite) -> None:
    """A state that is gone, one that is another's, a partition that the lake lost: each shows in the figures."""
    for worker in site.all_workers():  # lest they read again what the lake loses
        worker.stop()
    field = state_field(SPEND.name, site.birth(SPEND))
    with redis.Redis(port=site.redis.server.port) as client:
        gone, copied, *_ = site.redis.keys_with(field)
        client.hset(b"stray", field, client.hget(copied, field))
        client.hset(copied, field, client.hget(gone, field))
        client.hdel(gone, field)
    shutil.rmtree(next((Path(site.lake_url) / TOPIC).glob("*/0")))
    found = judge(site)
    assert found.lost > 0
    assert found.doubled > 0
    assert found.differing > 0
    assert found.unaccounted_dead_letters > 0
    assert any("lake" in finding and "lost" in finding for finding in found.findings)
