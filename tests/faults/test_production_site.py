"""Each kind of fault alone on Apache Kafka and Redis, and a judge that sees what is wrong."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from deploy.faults.judge import Verdict, judge
from deploy.faults.payments import SPEND, TOPIC, Payments
from deploy.faults.production_site import ProductionSite
from deploy.faults.schedule import KINDS
from features.feast_layout import state_field

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 11
PER_SECOND = 700
LONG_S = 600.0
"""More traffic than the tests of this module wait for."""


class Least(random.Random):
    """Takes the shortest of every span, so that no fault lasts longer than it must."""

    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionSite]:
    """One under traffic, which every test finds and leaves whole."""
    payments = Payments(SEED, int(PER_SECOND * LONG_S))
    with ExitStack() as running:
        site = ProductionSite(tmp_path_factory.mktemp("site"), running, payments, seconds=LONG_S, note=print)
        site.open()
        yield site


def verdict_of(site: ProductionSite) -> Verdict:
    """The judge's, while traffic waits."""
    site.traffic.pause()
    site.settle()
    site.await_records()
    verdict = judge(site)
    site.traffic.resume(site.log())
    return verdict


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fault_alone_loses_and_doubles_nothing(site: ProductionSite, kind: str) -> None:
    """All that was sent stands where it must, once, by an oracle of its own; every score is proven again."""
    n_sent, n_answered = site.sent.n, site.questions.n_answered
    KINDS[kind](site, Least(f"{SEED} {kind}"))
    site.until(lambda: site.sent.n > n_sent and site.questions.n_answered > n_answered, "events and scores go on")
    verdict = verdict_of(site)
    assert verdict.holds, verdict.findings
    assert verdict.verified > 0


def test_the_judge_sees_what_is_wrong(site: ProductionSite) -> None:
    """A state that is gone, one that is another's, a partition that the lake lost: each shows in the figures."""
    site.until(lambda: site.questions.n_answered, "a score")
    assert verdict_of(site).holds
    n_sent = site.sent.n
    site.traffic.poison(PER_SECOND // 2)  # so that any partition has some
    site.until(lambda: site.sent.n > n_sent + PER_SECOND, "good and bad events")
    site.traffic.pause()
    site.settle()
    for worker in site.all_workers():  # lest they read again what the lake loses
        worker.stop()
    field = state_field(SPEND.name, site.birth(SPEND))
    with redis.Redis(port=site.redis.server.port) as client:
        gone, copied, *_ = site.redis.keys_with(field)
        client.hset(b"stray", field, client.hget(copied, field))
        client.hset(copied, field, client.hget(gone, field))
        client.hdel(gone, field)
    lost = Path(site.lake_url) / TOPIC / site.log() / "0"
    aside = site.folder / "aside"
    shutil.move(lost, aside)
    found = judge(site)
    shutil.move(aside, lost)
    with redis.Redis(port=site.redis.server.port) as client:
        client.delete(b"stray")
    site.rebuild()
    site.traffic.resume(site.log())
    for worker in site.all_workers():
        worker.spawn()
    assert found.lost > 0
    assert found.doubled > 0
    assert found.differing > 0
    assert found.unaccounted_dead_letters > 0
    assert found.mismatched > 0
    assert any("lake" in finding and "lost" in finding for finding in found.findings)
    assert not found.holds
