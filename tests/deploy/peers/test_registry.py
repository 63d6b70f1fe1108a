"""Every peer of the stream's bench does the task that it is measured at: the same results for the same events."""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import pytest

from deploy.bench_stream_traffic import account_id, event_amount, event_value
from deploy.peers import maven
from deploy.peers.registry import MODULES, load_peer
from deploy.peers.tiles import FIELDS, Tiles, to_key
from deploy.stream_bench.comparison import KEPT
from deploy.stream_bench.load import Load
from deploy.stream_bench.peer_process import RunningPeer
from deploy.stream_bench.site import BenchSite
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

N_EVENTS = 2_000
N_ACCOUNTS = 100
DAY_US = 86_400_000_000
SPAN_US = 9 * DAY_US
IN_JAVA = {"flink", "kafka_streams"}
INSTALLED_FOR_IT = {"bytewax", "flink", "kafka_streams", "quix"}
HAVE_NO_TILES = {"faust_tables", "feast_push"}  # whole windows by the time of the record; Feast's own layout
PEERS = [
    pytest.param(name, marks=pytest.mark.peers) if name in INSTALLED_FOR_IT else name
    for name in MODULES
    if name not in HAVE_NO_TILES
]


class Spending(NamedTuple):
    """One event."""

    number: int
    at_us: int
    amount: float


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchSite]:
    """Apache Kafka and Redis, as in the bench."""
    with ExitStack() as running:
        yield BenchSite(tmp_path_factory.mktemp("site"), running)


@pytest.fixture(scope="module")
def spendings() -> Sequence[Spending]:
    """Events of more than a week, whole seconds among them; some come late, and a few later than every window."""
    generator = np.random.default_rng(3)
    now_us = time.time_ns() // 1_000
    times = np.linspace(now_us - SPAN_US, now_us, N_EVENTS).astype(np.int64)
    late = generator.random(N_EVENTS)
    times[late < 0.1] -= DAY_US // 12
    times[late < 0.01] -= 8 * DAY_US
    times[late > 0.9] -= times[late > 0.9] % 1_000_000
    numbers = generator.integers(0, N_ACCOUNTS, N_EVENTS).tolist()
    return [Spending(n, at, event_amount(i)) for i, (n, at) in enumerate(zip(numbers, times.tolist(), strict=True))]


@pytest.mark.parametrize("module", PEERS)
def test_a_peer_writes_what_the_tiles_give(site: BenchSite, spendings: Sequence[Spending], module: str) -> None:
    """The hash of every account holds its twelve results and its newest event time, whoever wrote it."""
    if module in IN_JAVA and not all(map(shutil.which, maven.PROGRAMS)):
        pytest.skip(f"needs {', '.join(maven.PROGRAMS)}: make servers")
    tiles, kept = Tiles(), KEPT / module
    for number, at_us, amount in spendings:
        tiles.add(account_id(number), at_us, amount)
    kept.mkdir(parents=True, exist_ok=True)
    peer = load_peer(module)
    peer.prepare(kept)
    send(site, module, spendings)
    contestant = RunningPeer(site, peer, module, kept.resolve())
    with contestant.process as process:
        wait_until(
            lambda: contestant.done() == N_EVENTS or not process.is_running, 2 * peer.ready_deadline_s, "all events"
        )
        assert process.is_running, process.log_end(20)
    for number in range(N_ACCOUNTS):
        name = account_id(number)
        results, newest_us = read(site, name)
        assert results == pytest.approx(tiles.results(name), rel=1e-9), name
        assert newest_us == max(each.at_us for each in spendings if each.number == number), name


def send(site: BenchSite, topic: str, spendings: Sequence[Spending]) -> None:
    """Put the events into a topic of their own, and nothing into the store."""
    accounts = np.array([each.number for each in spendings])
    site.client.flushall()
    site.new_topic(topic, Load("test", accounts, [event_value(*each) for each in spendings], 0))


def read(site: BenchSite, name: str) -> tuple[list[float], int]:
    """What a peer wrote for an account."""
    written = site.client.hgetall(to_key(name))
    return [struct.unpack("<d", written.pop(field.encode()))[0] for field in FIELDS], int(written[b"t"])
