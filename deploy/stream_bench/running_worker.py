"""Our own worker as a contestant, read through a scorer beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import grpc
import psutil

from deploy.bench_score import BenchProcess
from deploy.bench_stream_traffic import VIEW, fill_store, plan_on
from deploy.metrics_page import read_metrics
from deploy.stream_bench.load import Load
from deploy.stream_bench.pinning import on_core
from deploy.stream_bench.site import BenchSite
from deploy.stream_bench.worker import BenchWorker
from features.errors import NotServingError
from features.feast_layout import progress_key
from features.plan_shelf import put_on_shelf
from features.shard_records import to_progress
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2_grpc as rpc

READ_S = 10.0
FIRST_WRITE_S = 60.0
NO_SETTINGS: Final[Mapping[str, str]] = {}


class RunningWorker:
    """A contestant. The store holds a state with full tiles for every account when it starts."""

    first_write_s = FIRST_WRITE_S

    def __init__(
        self,
        site: BenchSite,
        running: ExitStack,
        load: Load,
        topic: str,
        n_accounts: int,
        *,
        stages: Path | None = None,
        settings: Mapping[str, str] = NO_SETTINGS,
    ) -> None:
        self.readers: dict[str, int] = {}
        self._site = site
        self._plan = plan_on(topic)
        self._folder = site.folder / topic
        site.wipe()
        log = site.new_topic(topic, load)
        before = site.used_memory
        self.state_bytes = asyncio.run(fill_store(site.redis.settings, n_accounts, load.until_us, log, topic))
        self.store_bytes_per_entity = round((site.used_memory - before) / n_accounts)
        self._environment = {
            "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": site.kafka.bootstrap_servers,
            "MILLSTREAM_STORE__PORT": str(site.redis.port),
            "MILLSTREAM_LAKE__URL": str(self._folder / "lake"),
            "MILLSTREAM_VAR": str(self._folder / "var"),
            "MILLSTREAM_WORKER__WEB_PORT": "0",
            **settings,
        }
        self.started_s = time.perf_counter()
        with on_core(site.worker_core):
            worker = BenchWorker(self._folder / "worker", self._environment, plan=self._plan, stages=stages)
            self.process = running.enter_context(worker)
        self._began_bytes = self._resident()

    def done(self) -> int:
        """Events whose states and lake rows are confirmed: the worker's progress in the store."""
        return sum(to_progress(self._site.client.hgetall(progress_key(self._plan.project))).values())

    def open_scorer(self, running: ExitStack) -> None:
        """Start a scorer on the core of the servers; `newest_us` asks it."""
        var = self._folder / "var"
        put_on_shelf(self._plan, b"", var / self._plan.project)
        environment = {
            **self._environment,
            "MILLSTREAM_SCORER__METRICS_PORT": "0",
            "MILLSTREAM_SCORER__REST": "false",
        }
        with on_core(self._site.servers_core):
            scorer = BenchProcess(
                "scorer", self._folder / "scorer", ("scorer", str(var), self._plan.project), environment
            )
            self.readers = {scorer.name: running.enter_context(scorer).pid}
        channel = running.enter_context(grpc.insecure_channel(scorer.address))
        self._stub = rpc.ScoringStub(channel)  # type: ignore[no-untyped-call]  # generated

    def newest_us(self, account_id: str) -> int:
        """See `Contestant.newest_us`: what ``GetFeatures`` answers now."""
        request = pb.GetFeaturesRequest(entity={"account_id": pb.Value(text=account_id)}, service="bench")
        (reading,) = self._stub.GetFeatures(request, timeout=READ_S, wait_for_ready=True).views
        return int(reading.newest.ToMicroseconds())

    def worker_bytes_per_entity(self) -> int:
        """What the process has grown by, over the states that it holds in memory."""
        page = read_metrics(self.process.port)
        n_cached = 0 if page is None else page.value("millstream_worker_cached_states", view=VIEW.name)
        if not n_cached:
            raise NotServingError("worker", "says nothing of the states in its memory")
        return round((self._resident() - self._began_bytes) / n_cached)

    def _resident(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)
