"""One scorer process, put together: store, models, records, health and the gRPC server in front of them."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import grpc
import structlog
from grpc_health.v1 import health
from prometheus_client import start_http_server

from features.clock import Clock, SystemClock
from features.errors import SettingsError
from features.plan import Plan
from features.redis_reader import RedisReader
from features.settings import ScorerSettings, Settings
from features.store import StoreReader
from grpc_api.births import BirthWatch
from grpc_api.call_pool import CallPool
from grpc_api.core import Core
from grpc_api.lookup import Fetcher
from grpc_api.meter import Meter
from grpc_api.metrics import ScorerMetrics
from grpc_api.models import ModelFollower, Models
from grpc_api.plans import PlanFollower
from grpc_api.pointer import models_dir
from grpc_api.readiness import Readiness, can_answer
from grpc_api.records import KafkaRecords, RecordSink
from grpc_api.served_model import Declarations, ServedModel, load_model
from grpc_api.sync_status import SyncCollector
from grpc_api.transport import build_server

logger: Final = structlog.get_logger(__name__)

DRAIN_S: Final = 10.0


class Scorer:
    """A running scorer: its threads and its server, started and stopped together.

    ``port`` is where it listens, which settings may leave to the machine (0); ``core`` answers without a transport.
    """

    def __init__(
        self,
        *,
        settings: ScorerSettings,
        declared: Sequence[Declarations],
        models_folder: Path,
        open_reader: Callable[[], StoreReader],
        records: RecordSink,
        metrics: ScorerMetrics,
        clock: Clock,
    ) -> None:
        self._declared = declared
        models = Models()
        self._meter = Meter(metrics)
        self._told: dict[str, tuple[str, str, str]] = {}
        servicer = health.HealthServicer(experimental_non_blocking=True)
        self._metrics = metrics
        self._readiness = Readiness(models=models, servicer=servicer, metrics=metrics)
        self._watch = BirthWatch(open_reader=open_reader, on_change=self._update)
        self._follower = ModelFollower(
            folder=models_folder,
            load=lambda path, pointer: load_model(path, pointer, self._declared),
            models=models,
            can_answer=lambda model: can_answer(model, self._watch.births),
            on_swap=self._swapped,
            on_refusal=lambda model: metrics.refused.labels(model).inc(),
        )
        self._fetcher = Fetcher(open_reader=open_reader, watch=self._watch)
        self.core = Core(
            services=declared[0].services(),
            models=models,
            fetcher=self._fetcher,
            records=records,
            clock=clock,
            meter=self._meter,
            max_batch_rows=settings.max_batch_rows,
        )
        self._pool = CallPool(settings.threads, name="scorer")
        self._server = build_server(core=self.core, health_servicer=servicer, meter=self._meter, pool=self._pool)
        self._servicer = servicer
        self.port = listen(self._server, settings.host, settings.port)

    def declare(self, declared: Sequence[Declarations]) -> None:
        """Give features as the first of these plans says, and serve models that were made for any of them."""
        self._declared = declared
        self._watch.read_anew()  # a plan is put in force once its births serve: they are to be known before it
        self.core.declare(declared[0].services())
        self._follower.look_anew()
        self._show_plan()

    def start(self) -> None:
        """Load models, look at the store, and answer."""
        self._meter.start()
        self._show_plan()
        self._follower.start()
        self._watch.start()
        self._update()
        self._server.start()

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Say that nothing serves any more, let calls in flight end, then stop."""
        self._servicer.enter_graceful_shutdown()
        self._server.stop(drain_s).wait()
        self._pool.shutdown()
        self._meter.stop()
        self._follower.stop()
        self._watch.stop()
        self._fetcher.close()

    def _update(self) -> None:
        self._readiness.update(self._watch)

    def _show_plan(self) -> None:
        self._metrics.plan_info.clear()
        for declarations in self._declared:
            self._metrics.plan_info.labels(declarations.plan.hash).set(declarations is self._declared[0])

    def _swapped(self, model: ServedModel) -> None:
        labels = (model.name, model.version, model.digest)
        before, self._told[model.name] = self._told.get(model.name), labels
        if before is not None:
            self._metrics.model_info.labels(*before).set(0)
        self._metrics.model_info.labels(*labels).set(1)
        self._update()


def listen(server: grpc.Server, host: str, port: int) -> int:
    """Bind the server; SettingsError when the port is taken."""
    try:
        return server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise SettingsError(
            "MILLSTREAM_SCORER__PORT", f"cannot listen on {host}:{port} ({error})", "choose a free port, or 0"
        ) from error


def run_scorer(settings: Settings, plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Sockets are then read by the thread that waits for calls, not by one more: a wake-up less, a tenth of a call's
    # time. grpcio reads this when it makes its first server; 1.85 knows the name, others ignore it.
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    metrics = ScorerMetrics()
    state_dir = settings.state_dir(plan.project)
    records = KafkaRecords(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        queue_records=settings.scorer.record_queue,
        metrics=metrics,
    )
    metrics.registry.register(SyncCollector(models_dir(state_dir)))
    plans = PlanFollower(state_dir, on_change=lambda declared: scorer.declare(declared))
    declared = plans.look()
    scorer = Scorer(
        settings=settings.scorer,
        declared=declared,
        models_folder=models_dir(state_dir),
        open_reader=lambda: RedisReader(plan.project, settings.store),
        records=records,
        metrics=metrics,
        clock=SystemClock(),
    )
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    start_http_server(settings.scorer.metrics_port, settings.scorer.host, metrics.registry)
    scorer.start()
    plans.start()
    # What start-up made lives as long as the process: a full collection need not walk it while a caller waits.
    gc.collect()
    gc.freeze()
    logger.info("scorer_listens", host=settings.scorer.host, port=scorer.port, plan=declared[0].plan.hash)
    stopping.wait()
    plans.stop()
    scorer.stop()
    records.close()
