"""A shop with servers and workers of its own, which a fault test may hurt; and what must hold of it afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from deploy.faults.site import Site
from deploy.servers import TansuServer, ValkeyServer
from deploy.worker_process import WorkerProcess
from features.bootstrap import fold_lake
from features.feast_layout import state_field
from features.kernels import open_kernel
from features.nouns import SCORES_TOPIC
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import Birth
from tests.streams.shop import BIRTH, START_US, TOPIC, plan, value
from tests.waiting import wait_until

PARTITIONS = 3
N_ACCOUNTS = 400
STEP_US = 7_000_000


SLICE = 200


class FaultWorld(Site):
    """The embedded broker and store, and the workers of one plan."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.running = running
        self.tansu = running.enter_context(TansuServer(folder / "tansu"))
        self.valkey = running.enter_context(ValkeyServer(folder / "valkey"))
        self.store = self.store_of_workers = self.valkey.settings
        super().__init__(
            folder, plan("shop"), topic=TOPIC, partitions=PARTITIONS, bootstrap_servers=self.tansu.bootstrap_servers
        )
        self.n_sent = 0
        self._random = random.Random(5)
        self.create_topics()

    @property
    def store_settings(self) -> StoreSettings:
        return self.store

    @property
    def worker_store_settings(self) -> StoreSettings:
        return self.store_of_workers

    def ready(self) -> None:
        """Certified and adopted, as `up` leaves it."""
        self.certify()
        self.adopt()

    def certify(self, birth: str = BIRTH) -> None:
        (view,) = self.plan.views
        certified = Birth(view=view.name, view_hash=view.hash, id=birth, cut={}, serving=True)
        self.ask(lambda store: store.write_birth(certified))

    def worker(self, name: str = "worker", **settings: Any) -> WorkerProcess:
        """A worker, not started; it is stopped with the world."""
        worker = self.new_worker(name, **settings)
        self.running.callback(worker.kill)
        return worker

    def send(self, n: int, bad: Sequence[int] = ()) -> None:
        """Sales, the bad ones (by their place among these) of all kinds of badness."""
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, "linger.ms": 5, "log_level": 0})
        failed: list[object] = []
        kinds = (b"{", b'{"account": 7}', value("a1", START_US, 1e30), None, value("a1", 4_102_444_800_000_000, 1.0))
        for i in range(n):
            account = self._random.randrange(N_ACCOUNTS)
            at_us = START_US + (self.n_sent + i) * STEP_US
            good = value(f"a{account}", at_us, self._random.randrange(100_000) / 100)
            producer.produce(
                TOPIC,
                kinds[i // 100 % len(kinds)] if i in bad else good,
                partition=account % PARTITIONS,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
            if i % 1_000 == 0:
                producer.poll(0)
        assert not producer.flush(30)
        assert not failed
        self.n_sent += n

    @contextmanager
    def sending(self, n: int) -> Iterator[None]:
        """Send sales a few at a time, beside what happens meanwhile; they have been sent in the end."""

        def send() -> None:
            for _ in range(n // SLICE):
                self.send(SLICE)

        with ThreadPoolExecutor(1) as beside:
            sent = beside.submit(send)
            yield
        sent.result()

    def send_scores(self, n: int) -> None:
        """Score records, as a scorer sends them; JSON of any shape will do here."""
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        for i in range(n):
            producer.produce(SCORES_TOPIC, b'{"request_id": "%d"}' % i, partition=i % PARTITIONS)
        assert not producer.flush(30)

    def rows(self) -> int:
        """Records of the topic in the lake, each position once."""
        return len(self.lake.read(self.plan.sources[0], valid_only=False))

    def confirmed(self, n: int, deadline_s: float = 60.0) -> None:
        """Wait until a restart would begin behind that many records; the lake holds them then."""
        wait_until(lambda: sum(self.restart_offsets().values()) >= n, deadline_s, f"{n} records confirmed")
        assert self.rows() >= n

    def compare(self, n_events: int) -> int:
        """Every state in the store is, byte for byte, the fold of the lake; the number of entities."""
        (view,), (source,) = self.plan.views, self.plan.sources
        states, n_folded = fold_lake(self.lake.read(source), view, source, "shop")
        assert n_folded == n_events
        kernel = open_kernel(view, source)
        stored = self.ask(
            partial(RedisStore.read_fields, keys=list(states), fields=[state_field(view.name, self.birth(view))])
        )
        assert [row[0] for row in stored] == [kernel.encode(state) for state in states.values()]
        return len(states)


@contextmanager
def fault_world(folder: Path) -> Iterator[FaultWorld]:
    """A world that ends its processes."""
    with ExitStack() as running:
        yield FaultWorld(folder, running)
