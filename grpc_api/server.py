"""One scorer process: a scorer, its records and metrics, and the signals that end it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

import structlog
from prometheus_client import start_http_server

from features.clock import SystemClock
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import ScorerSettings, Settings
from features.taken_port import listening_as
from features.tracing import open_tracer
from grpc_api.http2.listener import METRICS_PORT
from grpc_api.metrics import ScorerMetrics
from grpc_api.plans import PlanFollower
from grpc_api.pointer import models_dir
from grpc_api.process_memory import freeze_start_up, give_back_large_blocks
from grpc_api.processes import ChildSide, run_processes
from grpc_api.records import KafkaRecords
from grpc_api.scorer import Scorer
from grpc_api.served_model import Declarations
from grpc_api.sync_status import SyncCollector

logger: Final = structlog.get_logger(__name__)


def run_scorer(settings: Settings, plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT, in one process or in several."""
    if settings.scorer.processes > 1:
        run_processes(settings.scorer, lambda mine, child: run_one(settings, plan, mine, child))
    else:
        run_one(settings, plan, settings.scorer, None)


def run_one(settings: Settings, plan: Plan, mine: ScorerSettings, child: ChildSide | None) -> None:
    """Serve in this process, with settings of its own; ``child`` where it is one of several."""
    give_back_large_blocks()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings.model_copy(update={"scorer": mine}), plan, child))


async def serve(settings: Settings, plan: Plan, child: ChildSide | None) -> None:
    """Serve until told to stop."""
    metrics, tracer = ScorerMetrics(), open_tracer(settings.tracing, "millstream-scorer")
    state_dir = settings.state_dir(plan.project)
    records = KafkaRecords(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        queue_records=settings.scorer.record_queue,
        metrics=metrics,
    )
    metrics.registry.register(SyncCollector(models_dir(state_dir)))
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def declare(declared: Sequence[Declarations]) -> None:
        """In the follower's thread, which then knows whether it went well."""
        asyncio.run_coroutine_threadsafe(scorer.declare(declared), loop).result()

    plans = PlanFollower(state_dir, on_change=declare, on_refused=metrics.plans_refused.set)
    declared = plans.look()
    scorer = Scorer(
        settings=settings.scorer,
        declared=declared,
        models_folder=models_dir(state_dir),
        open_reader=lambda: RedisStore(plan.project, settings.store, read_only=True),
        records=records,
        metrics=metrics,
        clock=SystemClock(),
        turn=0.0 if child is None else child.turn,
        tracer=tracer,
    )
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: loop.call_soon_threadsafe(stopping.set))
    serve_metrics(settings.scorer, metrics)
    await scorer.start()
    plans.start()
    freeze_start_up()
    logger.info(
        "scorer_listens",
        host=settings.scorer.host,
        port=scorer.port,
        rest_port=scorer.rest_port,
        plan=declared[0].plan.hash,
    )
    if child is not None:
        child.say_ready()
        loop.add_reader(child.parent, stopping.set)
    await stopping.wait()
    await asyncio.to_thread(plans.stop)
    await scorer.stop()
    ends = [records.close] if tracer is None else [records.close, tracer.close]
    await asyncio.gather(*map(asyncio.to_thread, ends))  # each may wait for a neighbour that is away


def serve_metrics(settings: ScorerSettings, metrics: ScorerMetrics) -> None:
    """Answer Prometheus, from a thread; SettingsError when the port is taken."""
    with listening_as(METRICS_PORT, settings.host, settings.metrics_port):
        start_http_server(settings.metrics_port, settings.host, metrics.registry)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A faster loop where there is one."""
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop()  # the other one cannot watch a listener
    import uvloop

    return uvloop.new_event_loop()
