"""``millstream bench hot-keys``: what one entity with half of all events costs the others, and two workers each other.

The same events are sent with nobody busy, with half of them on one account in a partition of its own, and with that
account in every partition, so that two workers write its state side by side. Measured are a backlog, and how long an
event of somebody else takes from its producer to the store while traffic runs at an even pace.
"""

from __future__ import annotations

import asyncio
import platform
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import psutil
from confluent_kafka import Producer

from deploy.faults.payments import BEGAN_US, PARTITIONS, PLAN, SPEND, TOPIC, account_id, to_json
from deploy.faults.site import Site
from deploy.faults.traffic import flush
from deploy.production_servers import KafkaServer, RedisServer, kafka_is_installed, redis_is_installed
from deploy.servers import TansuServer, ValkeyServer
from deploy.worker_process import WorkerProcess
from features.bootstrap import ensure_births
from features.errors import NotServingError
from features.feast_layout import KeyLayout, state_field
from features.redis_store import RedisStore
from features.settings import StoreSettings

N_EVENTS: Final = 120_000
"""Of a backlog."""
N_ACCOUNTS: Final = 20_000
PER_SECOND: Final = 4_000
SECONDS: Final = 8.0
"""Of even traffic."""
PROBE_S: Final = 0.02
POLL_S: Final = 0.0005
DEADLINE_S: Final = 120.0
HOT: Final = 0
SLOWER: Final = 2.0
"""How much slower the others may become: a queue of their own would not be twice as long."""
SLACK_MS: Final = 20.0


class Shape(NamedTuple):
    """Traffic: the share of the busy account, and whose events go to any partition instead of one of their own."""

    share: float
    scattered: Literal["nobody's", "the busy one's", "everybody's"]


SHAPES: Final = {
    "nobody busy": Shape(0.0, "nobody's"),
    "busy in one partition": Shape(0.5, "nobody's"),
    "busy in every partition": Shape(0.5, "the busy one's"),
    "everybody in every partition": Shape(0.0, "everybody's"),
}


class Measured(NamedTuple):
    """One run."""

    events_per_second: float
    cpu_us: float
    others_p50_ms: float
    others_p99_ms: float
    writes: int
    refused: int

    def data(self) -> dict[str, Any]:
        """For people and machines; ``refused`` is the share of writes that met another worker's."""
        return {
            "events_per_second": round(self.events_per_second),
            "cpu_us_per_event": round(self.cpu_us, 1),
            "others_p50_ms": round(self.others_p50_ms, 1),
            "others_p99_ms": round(self.others_p99_ms, 1),
            "refused": round(self.refused / max(1, self.writes + self.refused), 4),
        }


class HotSite(Site):
    """Broker, store and workers of the bench."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        production = kafka_is_installed() and redis_is_installed()
        self.broker: KafkaServer | TansuServer = (
            KafkaServer(folder / "broker") if production else TansuServer(folder / "broker")
        )
        running.enter_context(self.broker)
        self.server = running.enter_context((RedisServer if production else ValkeyServer)(folder / "store"))
        super().__init__(
            folder, PLAN, topic=TOPIC, partitions=PARTITIONS, bootstrap_servers=self.broker.bootstrap_servers
        )
        self.running = running
        self.n_sent = self.n_probes = 0
        self.producer = Producer({"bootstrap.servers": self.bootstrap_servers, "linger.ms": 1, "log_level": 0})
        self.create_topics()
        self.ask(lambda store: ensure_births(store, self.lake, self.plan))
        self.adopt()

    @property
    def store_settings(self) -> StoreSettings:
        """See `Site.store_settings`."""
        return self.server.settings

    def workers(self, n: int) -> list[WorkerProcess]:
        """So many, all ready."""
        workers = [self.new_worker(f"worker-{n}-{i}") for i in range(n)]
        for worker in workers:
            self.running.callback(worker.kill)
            worker.spawn()
        until(lambda: all(worker.is_ready() for worker in workers), "workers ready")
        return workers

    def send(self, shape: Shape, chance: random.Random) -> None:
        """One event."""
        account = HOT if chance.random() < shape.share else 1 + chance.randrange(N_ACCOUNTS)
        anywhere = shape.scattered == "everybody's" or (account == HOT and shape.scattered == "the busy one's")
        partition = chance.randrange(PARTITIONS) if anywhere else account % PARTITIONS
        self.produce(account, partition, chance.randrange(100_000))

    def produce(self, account: int, partition: int, cents: int) -> None:
        """One event of an account."""
        while True:
            try:
                value = to_json(account, BEGAN_US + self.n_sent * 1_000, cents, 1)
                self.producer.produce(TOPIC, value, partition=partition)
                break
            except BufferError:
                self.producer.poll(0.01)
        self.n_sent += 1


def bench_hot_keys(*, n_events: int = N_EVENTS, seconds: float = SECONDS) -> dict[str, Any]:
    """Run it; ``passed`` says whether nobody waits much longer because somebody else is busy."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as name, ExitStack() as running:
        site = HotSite(Path(name), running)
        found: dict[str, dict[str, Measured]] = {}
        for n_workers in (1, 2):
            workers = site.workers(n_workers)
            found[f"{n_workers} workers" if n_workers > 1 else "1 worker"] = {
                shape: measure(site, workers, SHAPES[shape], n_events, seconds) for shape in SHAPES
            }
            for worker in workers:
                worker.stop()
        broker, store = site.broker.name, site.server.name
    return {
        **{workers: {shape: one.data() for shape, one in runs.items()} for workers, runs in found.items()},
        "traffic": f"{n_events} events at once, then {PER_SECOND} a second for {seconds:g} s, over {N_ACCOUNTS} "
        f"accounts and {PARTITIONS} partitions; half of them on one account where one is busy",
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {broker}, {store}",
        "passed": all(bearable(runs) for runs in found.values()),
    }


def bearable(runs: dict[str, Measured]) -> bool:
    """Whether others wait at most so much longer, and no fewer events are applied, than with nobody busy."""
    calm = runs["nobody busy"]
    return all(
        one.others_p50_ms <= SLOWER * calm.others_p50_ms + SLACK_MS
        and one.events_per_second * SLOWER >= calm.events_per_second
        for one in runs.values()
    )


def measure(site: HotSite, workers: list[WorkerProcess], shape: Shape, n_events: int, seconds: float) -> Measured:
    """A backlog, then even traffic with probes among it."""
    chance = random.Random(7)  # noqa: S311 - no secret
    before, cpu_s = counted(workers), cpu_of(workers)
    began_s = time.perf_counter()
    for _ in range(n_events):
        site.send(shape, chance)
    flush(site.producer)
    until(lambda: sum(worker.committed(TOPIC) for worker in workers) >= site.n_sent, "the backlog applied")
    took_s, cpu_s = time.perf_counter() - began_s, cpu_of(workers) - cpu_s
    with asyncio.Runner() as runner:
        waited_ms = list(probed(site, shape, chance, seconds, runner))
    flush(site.producer)
    until(lambda: sum(worker.committed(TOPIC) for worker in workers) >= site.n_sent, "all applied")
    writes, refused = (int(now - then) for now, then in zip(counted(workers), before, strict=True))
    p50_ms, p99_ms = np.percentile(waited_ms, [50, 99]).tolist()
    return Measured(n_events / took_s, cpu_s / n_events * 1e6, p50_ms, p99_ms, writes, refused)


def probed(
    site: HotSite, shape: Shape, chance: random.Random, seconds: float, runner: asyncio.Runner
) -> Iterator[float]:
    """Send at an even pace; how long each of some first events of new accounts took to show in the store, in ms."""
    layout, field = KeyLayout(PLAN.project, SPEND.keys), state_field(SPEND.name, site.birth(SPEND))
    reader = RedisStore(PLAN.project, site.store_settings, read_only=True)
    runner.run(reader.connect())
    began_s, n_sent, next_s, asked = time.perf_counter(), 0, 0.0, None
    while (now_s := time.perf_counter() - began_s) < seconds:
        while n_sent < now_s * PER_SECOND:
            site.send(shape, chance)
            n_sent += 1
        site.producer.poll(0)
        if asked is None and now_s >= next_s:
            site.n_probes += 1
            account = N_ACCOUNTS + site.n_probes
            site.produce(account, account % PARTITIONS, 100)
            asked, next_s = (layout.key([account_id(account)]), time.perf_counter()), now_s + PROBE_S
        elif asked is not None and runner.run(reader.read_fields([asked[0]], [field]))[0][0] is not None:
            yield (time.perf_counter() - asked[1]) * 1_000
            asked = None
        time.sleep(POLL_S)
    runner.run(reader.close())


def counted(workers: list[WorkerProcess]) -> tuple[float, float]:
    """Writes of states that held, and that met another's, so far."""
    return (
        sum(worker.metric("states_written_total") for worker in workers),
        sum(worker.metric("conflicts_total") for worker in workers),
    )


def cpu_of(workers: list[WorkerProcess]) -> float:
    """Seconds of processor that they have used."""
    times = [psutil.Process(worker.pid).cpu_times() for worker in workers]
    return sum(one.user + one.system for one in times)


def until(condition: Any, what: str) -> None:
    """Wait for a condition; NotServingError when it stays away."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise NotServingError("worker", f"not within {DEADLINE_S:.0f} s: {what}")
        time.sleep(0.02)
