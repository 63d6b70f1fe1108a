"""Wires a worker together and runs it: the one place where its parts meet."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from typing import Final

import structlog

from features.clock import SystemClock
from features.errors import BrokerUnavailableError, MillstreamError
from features.formats.registry_client import RegistryClient, registry_of
from features.kernels import KERNEL
from features.lake import Lake, open_site_lake
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import Settings
from features.tracing import Tracer, open_tracer
from streams.announce import Announcer
from streams.app import WorkerApp, build_app
from streams.assignment import Assignment
from streams.batch_traces import BatchTraces
from streams.engine import Engine
from streams.health import HealthServer, worker_pages
from streams.intake import Intake
from streams.log_watch import LogWatch
from streams.logs import KafkaLogs
from streams.metrics import WorkerMetrics
from streams.pulse import Pulse
from streams.steward import Steward
from streams.watchdog import Watchdog
from streams.watermarks import Watermarks

BROKER_RETRY_S = 0.5

log: Final = structlog.get_logger(__name__)


def run_worker(settings: Settings, plan: Plan) -> None:
    """Run a worker until it is told to stop; ends in SystemExit."""
    use_uvloop()
    lanes = Assignment()
    metrics = WorkerMetrics()
    watermarks = Watermarks(metrics)
    health = HealthServer(worker_pages(lanes, metrics, watermarks), port=settings.worker.metrics_port)
    health.start()
    log.info("health and metrics", port=health.port, kernel=KERNEL)
    logs = KafkaLogs(settings.kafka.bootstrap_servers)
    await_broker(logs, lanes)
    lake = open_site_lake(settings, plan.project)
    registry = registry_of(settings.schema_registry, plan.sources)
    if registry is not None:
        lake.schemas.ask(registry)
    tracer = open_tracer(settings.tracing, "millstream-worker")
    app = wire(settings, plan, lanes=lanes, metrics=metrics, watermarks=watermarks, logs=logs, lake=lake, tracer=tracer)
    Watchdog(
        pulse=app.pulse,
        stall_s=settings.worker.stall_s,
        neighbour_down=lambda: neighbour_down(settings, plan, logs, lake, registry),
    ).start()
    calm_collector()
    worker = app.Worker(override_logging=False, quiet=True)
    worker.spinner = None  # it ends with a print past the log, which on a full disk would end the process
    worker.execute_from_commandline()


def wire(
    settings: Settings,
    plan: Plan,
    *,
    lanes: Assignment,
    metrics: WorkerMetrics,
    watermarks: Watermarks,
    logs: KafkaLogs,
    lake: Lake,
    tracer: Tracer | None = None,
) -> WorkerApp:
    """The app with its engine, store, lake and steward; nothing is connected yet."""
    store = RedisStore(plan.project, settings.store)
    announcer = Announcer(bootstrap_servers=settings.kafka.bootstrap_servers, metrics=metrics)
    engine = Engine(
        plan=plan,
        store=store,
        lake=lake,
        worker=settings.worker,
        lake_settings=settings.lake,
        metrics=metrics,
        watermarks=watermarks,
        clock=SystemClock(),
        announce=announcer.announce,
        committed=lanes.committed,
        traces=None if tracer is None else BatchTraces(tracer),
    )
    pulse = Pulse(lanes.is_idle)
    intake = Intake(engine=engine, lanes=lanes, pulse=pulse, metrics=metrics)
    steward = Steward(plan=plan, store=store, lake=lake, logs=logs, lanes=lanes, intake=intake)
    app = build_app(
        settings,
        plan,
        topics=engine.topics,
        lanes=lanes,
        pulse=pulse,
        log_watch=LogWatch(logs=logs, lanes=lanes),
        taker=intake,
        tasks=(steward.run, intake.run_flusher),
    )

    async def close(*_args: object, **_kwargs: object) -> None:
        await announcer.close()
        if tracer is not None:
            await asyncio.to_thread(tracer.close)

    app.on_before_shutdown.connect(close)
    return app


def await_broker(logs: KafkaLogs, lanes: Assignment) -> None:
    """Return once the broker answers: who looks at readiness is told until then that it does not."""
    while True:
        try:
            logs.describe(["millstream"])
        except BrokerUnavailableError as error:
            if lanes.failure != str(error):
                log.warning("waiting for the broker", error=str(error))
            lanes.failure = str(error)
            time.sleep(BROKER_RETRY_S)
        else:
            lanes.failure = "starting"
            return


def neighbour_down(
    settings: Settings, plan: Plan, logs: KafkaLogs, lake: Lake, registry: RegistryClient | None
) -> str | None:
    """The first neighbour that does not answer, asked over connections of its own."""

    async def ask_store() -> None:
        store = RedisStore(plan.project, settings.store, read_only=True)
        await store.connect()
        try:
            await store.read_certificate()
        finally:
            await store.close()

    questions: dict[str, Callable[[], object]] = {
        "broker": lambda: logs.describe(["millstream"]),
        "store": lambda: asyncio.run(ask_store()),
        "lake": lake.topics,
        **({} if registry is None else {"schema registry": registry.ask}),
    }
    for name, ask in questions.items():
        try:
            ask()
        except (MillstreamError, OSError) as error:
            return f"{name} ({error})"
    return None


def calm_collector() -> None:
    """Look for cyclic garbage rarely: batches make much that lives for a moment, and no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def use_uvloop() -> None:
    """A faster event loop where there is one."""
    if sys.platform != "win32":
        import uvloop

        uvloop.install()
