"""The site of a fault run: Apache Kafka, Redis behind a proxy, a scorer, workers, at times of a second group too."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions

from deploy.faults.births import make_births
from deploy.faults.payments import PARTITIONS, PLAN, TOPIC, WIDER_PLAN, Payments
from deploy.faults.questions import Questions
from deploy.faults.redis_pair import RedisPair
from deploy.faults.scorer_process import ScorerProcess
from deploy.faults.sent import Sent
from deploy.faults.site import Site
from deploy.faults.traffic import Traffic
from deploy.log_ends import read_ends
from deploy.production_servers import KafkaServer
from deploy.worker_process import WorkerProcess
from features.errors import BirthMissingError, BrokerUnavailableError, NotServingError, UnavailableError
from features.nouns import SCORES_TOPIC
from features.plan import Plan
from features.settings import StoreSettings
from features.succession import withdraw_births

FEWEST, MOST = 2, 4
"""Workers of the first group, outside of a fault."""
CACHE_BYTES: Final = 300_000
"""States in a worker's memory: few, so that most are read from the store."""
CHUNK: Final = 50
POLL_S: Final = 0.05
LOG_LINES: Final = 40
ADMIN_S: Final = 30.0
BIRTHS_S: Final = 900.0
PATIENCE_S: Final = 120.0
"""Without any progress for this long, a run is over."""


class ProductionSite(Site):
    """Servers, traffic and workers. What a fault takes away it brings back itself, but for workers that die."""

    def __init__(
        self, folder: Path, running: ExitStack, payments: Payments, *, seconds: float, note: Callable[[str], None]
    ) -> None:
        self.kafka = running.enter_context(KafkaServer(folder / "kafka"))
        super().__init__(
            folder, PLAN, topic=TOPIC, partitions=PARTITIONS, bootstrap_servers=self.kafka.bootstrap_servers
        )
        self._running = running
        self._elsewhere = running.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        self._note = note
        self.redis = RedisPair(folder, running)
        self.sent = Sent(folder / "sent")
        self.traffic = Traffic(self.bootstrap_servers, payments, self.sent, seconds=seconds)
        running.callback(self.traffic.end)
        self.scorer = ScorerProcess(
            folder / "scorer", bootstrap_servers=self.bootstrap_servers, store=self.redis.worker_settings
        )
        self.questions = Questions(self.scorer.address, payments, seconds=seconds)
        running.callback(self.scorer.kill)
        running.callback(self.questions.end)
        self.workers: list[WorkerProcess] = []
        self.wider: WorkerProcess | None = None
        self.ended: Counter[int | None] = Counter()
        """Workers that ended by themselves, by exit code."""
        self._n_workers = 0

    def new_admin(self) -> AdminClient:
        """A client for one errand: librdkafka 2 never finds a group's coordinator again once its broker was restarted.

        Hold it until the answer is there, which ends with it.
        """
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    @property
    def store_settings(self) -> StoreSettings:
        """See `Site.store_settings`."""
        return self.redis.settings

    @property
    def worker_store_settings(self) -> StoreSettings:
        """See `Site.worker_store_settings`."""
        return self.redis.worker_settings

    @property
    def written_plan(self) -> Plan:
        """The widest plan that is written now."""
        return PLAN if self.wider is None else WIDER_PLAN

    def open(self) -> None:
        """Everything up, and traffic begun."""
        self.create_topics()
        self.certify()
        for _ in range(FEWEST):
            self.add_worker()
        self.scorer.start()
        self.traffic.start()
        self.traffic.resume(self.log())
        self.until(lambda: all(worker.is_ready() for worker in self.workers), "workers ready")
        self.questions.start()

    def certify(self) -> None:
        """What an operator does to a store that is new or was flushed: births from the lake, and the log adopted."""
        self._make_births(self.written_plan)
        self.adopt()

    def add_worker(self) -> WorkerProcess:
        """One more worker of the first group."""
        self._n_workers += 1
        worker = self._spawned(f"worker-{self._n_workers}", PLAN)
        self.workers.append(worker)
        return worker

    def remove_worker(self, chance: random.Random) -> None:
        """Tell one of the first group to end."""
        worker = self.workers.pop(chance.randrange(len(self.workers)))
        worker.stop()

    def add_wider_group(self) -> None:
        """Roll the wider plan out: a birth of its new view from the lake, then a worker in a group of its own."""
        self._make_births(WIDER_PLAN)
        self.wider = self._spawned("wider", WIDER_PLAN)

    def remove_wider_group(self) -> None:
        """Put the plan back: its worker ends, and what the store holds of the view is withdrawn."""
        if self.wider is not None:
            self.wider.stop()
            self.wider = None
            self.ask(lambda store: withdraw_births(store, [PLAN]))

    def remake_topic(self) -> None:
        """Delete the topic once all of it was applied, make it anew, and send to that."""
        self.traffic.pause()
        self.settle()
        before = self.log()
        self.until(lambda: self._is_deleted(before), "the topic deleted")

        def remade() -> bool:
            with suppress(BrokerUnavailableError):  # it may not have let go of the old one yet
                self.create_topics()
                return self.log() != before
            return False

        self.until(remade, "the topic made anew")
        self.traffic.resume(self.log())

    def add_partitions(self, n: int) -> None:
        """Give the topic some partitions more, and send to all of them."""
        before = self.partitions
        admin = self.new_admin()
        admin.create_partitions([NewPartitions(self.topic, before + n)])[self.topic].result(ADMIN_S)

        def shown() -> bool:
            return self.logs.describe([self.topic])[self.topic].partitions == before + n

        self.until(shown, "more partitions", at_rest=True)
        self.partitions = before + n
        self.traffic.spread(self.partitions)

    def adopt(self) -> None:
        """See `Site.adopt`; a broker that has only just come back may need a while to answer."""
        adopt = super().adopt

        def adopted() -> bool:
            with suppress(BrokerUnavailableError):
                adopt()
                return True
            return False

        self.until(adopted, "the topic adopted")

    def rebuild(self) -> None:
        """Make all states anew from the lake, in new births."""
        self._make_births(self.written_plan, rebuild=True)

    def finish(self, deadline_s: float) -> None:
        """Wait until all of the traffic is sent, and applied; then ask no more, and wait for what was recorded."""
        self.until(lambda: not self.traffic.is_alive(), "all traffic sent", deadline_s)
        self.traffic.finish(0.0)
        self.settle()
        answered = self.questions.n_answered
        self.until(lambda: self.questions.n_answered > answered, "the scorer to answer again")
        self.questions.end()
        self.await_records()

    def await_records(self) -> None:
        """Wait until the lake holds every score that was recorded so far."""

        def all_held() -> bool:
            ends = read_ends(self.bootstrap_servers, self.logs, [SCORES_TOPIC])
            lake = self.lake
            return all((lake.end(topic, log, number) or 0) >= end for (topic, log, number), end in ends.items())

        self.until(all_held, "the scores in the lake")

    def all_workers(self) -> list[WorkerProcess]:
        """Those of both groups."""
        return [*self.workers, *([self.wider] if self.wider is not None else [])]

    def some_worker(self, chance: random.Random) -> WorkerProcess:
        """Any worker of either group."""
        return chance.choice(self.all_workers())

    def until(
        self, condition: Callable[[], object], what: str, deadline_s: float = PATIENCE_S, *, at_rest: bool = False
    ) -> None:
        """Wait for a condition, starting workers again that end meanwhile, unless they are to be ``at_rest``."""
        end_s = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end_s:
                raise NotServingError("site", f"not within {deadline_s:.0f} s: {what}; {self.problems()}")
            if not at_rest:
                self.tend()
            time.sleep(POLL_S)

    def pass_time(self, seconds: float) -> None:
        """Let this much time pass, starting workers again that end meanwhile."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(POLL_S, left_s))

    def tend(self) -> None:
        """Start again what has ended by itself, as a supervisor does."""
        for worker in self.all_workers():
            if not worker.is_running:
                self.ended[worker.exit_code] += 1
                self._note(
                    f"{worker.folder.name} ended by itself with code {worker.exit_code}; {worker.log_end(LOG_LINES)}"
                )
                worker.spawn()
        if self.questions.is_alive() and not self.scorer.is_running:
            raise NotServingError("scorer", f"ended by itself; {self.scorer.log_end(LOG_LINES)}")
        if self.questions.failure is not None:
            raise self.questions.failure

    def settle(self) -> None:
        """Wait until every record that was sent so far is applied, in the lake and marked, by all groups."""
        least, moved_s = None, time.monotonic()
        while behind := self.behind():
            if least is None or behind < least:
                least, moved_s = behind, time.monotonic()
            elif time.monotonic() - moved_s > PATIENCE_S:
                raise NotServingError(
                    "worker", f"{behind} records are not applied and nothing moves; {self.problems()}"
                )
            self.pass_time(POLL_S)

    def behind(self) -> int:
        """Records of the present log that a restart would read again; all, while a neighbour cannot tell."""
        ends = dict(self.sent.ends)
        try:
            log = self.log()
            offsets = self.restart_offsets(self.written_plan.views, log)
        except (BirthMissingError, UnavailableError):
            return sum(ends.values())
        return sum(max(0, end - offsets.get(at, 0)) for at, end in ends.items() if at[0] == log)

    def problems(self) -> str:
        """Why workers are not ready, in their own words."""
        found = {worker.problems() for worker in self.all_workers()} - {""}
        return "; ".join(sorted(found)) or "all workers are ready"

    def _make_births(self, plan: Plan, *, rebuild: bool = False) -> None:
        """Births from the lake, while all else goes on."""
        made = self._elsewhere.submit(make_births, self.store_settings, self.lake_url, plan, rebuild)
        self.until(made.done, "births made from the lake", BIRTHS_S)
        made.result()

    def _is_deleted(self, log: str) -> bool:
        """Whether the topic is that log no more; else it is deleted, and may be so a moment later."""
        with suppress(BrokerUnavailableError, KafkaException, TimeoutError):
            info = self.logs.describe([self.topic]).get(self.topic)
            if info is None or info.log != log:
                return True
            admin = self.new_admin()
            admin.delete_topics([self.topic])[self.topic].result(ADMIN_S)
        return False

    def _spawned(self, name: str, plan: Plan) -> WorkerProcess:
        worker = self.new_worker(name, plan, cache_bytes=CACHE_BYTES, chunk_entities=CHUNK)
        self._running.callback(worker.kill)
        worker.spawn()
        return worker
