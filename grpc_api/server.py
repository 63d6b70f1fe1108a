"""One scorer process, put together on one event loop: store, models, records, health and the transport in front."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import start_http_server

from features.clock import Clock, SystemClock
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import ScorerSettings, Settings
from features.store import StoreReader
from features.tracing import Tracer, open_tracer
from grpc_api.births import BirthWatch
from grpc_api.call_trace import CallTraces
from grpc_api.catalogue import Catalogue
from grpc_api.channelz import SERVICE as CHANNELZ
from grpc_api.channelz import Channelz
from grpc_api.core import SERVICE, Core
from grpc_api.followed_model import Loading
from grpc_api.gate import gate_of
from grpc_api.health import SERVICE as HEALTH
from grpc_api.health import Health
from grpc_api.http2.limits import Limits
from grpc_api.http2.listener import REST_PORT, open_listener, open_shared_listener
from grpc_api.http2.server import Http2Server
from grpc_api.http2.tls import HTTP1, HTTP2, open_tls
from grpc_api.load import Load
from grpc_api.lookup import Fetcher
from grpc_api.meter import Meter
from grpc_api.methods import by_path
from grpc_api.metrics import ScorerMetrics
from grpc_api.model_follower import ModelFollower
from grpc_api.model_set import ModelSet
from grpc_api.models import Models
from grpc_api.open_inference.service import SERVICE as OPEN_INFERENCE
from grpc_api.open_inference.service import OpenInference
from grpc_api.plans import PlanFollower
from grpc_api.pointer import models_dir
from grpc_api.processes import ChildSide, run_processes
from grpc_api.readiness import Readiness, can_answer
from grpc_api.reads import Reads
from grpc_api.records import KafkaRecords, RecordSink
from grpc_api.reflection import Reflection
from grpc_api.rest.app import build_app
from grpc_api.rest.server import RestServer
from grpc_api.score_cache import ScoreCache
from grpc_api.served_model import Declarations, load_model
from grpc_api.serving_metrics import ServingMetrics
from grpc_api.shadows import Shadows
from grpc_api.sync_status import SyncCollector
from grpc_api.turns import Turns

logger: Final = structlog.get_logger(__name__)

DRAIN_S: Final = 10.0
GC_THRESHOLD: Final = (50_000, 20, 20)
"""Look for cyclic garbage rarely: requests make much that lives for a moment, and no cycles."""


class Scorer:
    """A running scorer: all that lives on the loop, started and stopped together.

    ``core`` answers without a transport; ``turn`` is when this process looks for models, see `ModelFollower`.
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
        turn: float = 0.0,
        tracer: Tracer | None = None,
    ) -> None:
        self._declared = declared
        models = Models(clock=clock)
        traces = None if tracer is None else CallTraces(tracer)
        self._meter = Meter(metrics) if traces is None else Meter(metrics, traces.tell)
        self._metrics = metrics
        self._serving = ServingMetrics(metrics)
        self._health = Health()
        self._readiness = Readiness(models=models, health=self._health, metrics=metrics, store_down=settings.store_down)
        self._watch = BirthWatch(open_reader=open_reader, on_change=self._update)
        self._follower = ModelFollower(
            folder=models_folder,
            loading=Loading(
                load=lambda path, pointer, arm: load_model(path, pointer, self._declared, arm),
                can_answer=lambda model: can_answer(model, self._watch.births),
                on_refusal=lambda model: metrics.refused.labels(model).inc(),
            ),
            models=models,
            on_swap=self._on_swap,
            turn=turn,
        )
        self._fetchers = tuple(Fetcher(open_reader=open_reader, watch=self._watch) for _ in range(3))
        reads, batch_reads = (
            Reads(fetcher, share=settings.fetch_share, store_down=settings.store_down) for fetcher in self._fetchers[:2]
        )
        turns = Turns()
        self._shadows = Shadows(fetcher=self._fetchers[2], records=records, meter=self._meter, clock=clock)
        self.core = Core(
            services=declared[0].services(),
            models=models,
            reads=reads,
            batch_reads=batch_reads,
            turns=turns,
            records=records,
            shadows=self._shadows,
            clock=clock,
            meter=self._meter,
            max_batch_rows=settings.max_batch_rows,
            cache=open_cache(settings, metrics),
        )
        catalogue = Catalogue(models=models, health=self._health)
        open_inference = OpenInference(
            catalogue=catalogue,
            score_batch=self.core.score_batch,
            clock=clock,
            max_batch_rows=settings.max_batch_rows,
        )
        reflection = Reflection((SERVICE, HEALTH, OPEN_INFERENCE, CHANNELZ))
        channelz = Channelz(lambda: self._transport)
        services = (self.core, self._health, open_inference, reflection, channelz)
        methods = by_path(
            method
            for method in chain.from_iterable(service.methods() for service in services)
            if method.group != "admin" or settings.serves_admin
        )
        load = Load(turns, max_in_flight=settings.max_in_flight)
        metrics.in_flight.set_function(lambda: load.n_in_flight)
        gate = gate_of(settings, meter=self._meter, load=load, traces=traces)
        open_port = open_listener if settings.processes == 1 else open_shared_listener
        self._transport = Http2Server(
            methods=methods,
            gate=gate,
            limits=Limits(
                message_bytes=settings.max_message_bytes,
                idle_s=settings.max_connection_idle_s,
                age_s=settings.max_connection_age_s,
            ),
            listen=lambda: open_port(settings.host, settings.port),
            tls=open_tls(settings.tls, HTTP2),
        )
        self._rest: RestServer | None = None
        if settings.rest:
            app = build_app(
                gate=gate,
                methods=methods,
                catalogue=catalogue,
                registry=metrics.registry,
                max_batch_rows=settings.max_batch_rows,
                max_message_bytes=settings.max_message_bytes,
                shows_models=not settings.auth.required,
            )
            self._rest = RestServer(
                app,
                listen=lambda: open_port(settings.host, settings.rest_port, REST_PORT),
                tls=open_tls(settings.tls, HTTP1),
            )

    @property
    def port(self) -> int:
        """Where it listens, once started; settings may leave it to the machine (0)."""
        return self._transport.port

    @property
    def rest_port(self) -> int | None:
        """Where the REST gateway listens, once started; None where it is switched off."""
        return None if self._rest is None else self._rest.port

    async def declare(self, declared: Sequence[Declarations]) -> None:
        """Give features as the first of these plans says, and serve models that were made for any of them."""
        self._declared = declared
        await self._watch.read_anew()  # a plan is put in force once its births serve: they are to be known before it
        self.core.declare(await asyncio.to_thread(declared[0].services))
        self._follower.look_anew()
        self._show_plan()

    async def start(self) -> None:
        """Load models, look at the store, and answer."""
        self._loop = asyncio.get_running_loop()
        self._meter.start()
        self._show_plan()
        await self._watch.start()  # what a challenger reads is to be known before it is asked for
        await asyncio.to_thread(self._follower.start)
        self._update()
        self._shadows.start()
        await self._transport.start()
        if self._rest is not None:
            await self._rest.start()

    async def stop(self, drain_s: float = DRAIN_S) -> None:
        """Say that nothing serves any more, let calls in flight end, then stop."""
        self._health.end()
        async with asyncio.TaskGroup() as stopping:
            stopping.create_task(self._transport.stop(drain_s))
            if self._rest is not None:
                stopping.create_task(self._rest.stop(drain_s))
        await self._shadows.stop()
        await asyncio.to_thread(self._meter.stop)
        await asyncio.to_thread(self._follower.stop)
        await self._watch.stop()
        for fetcher in self._fetchers:
            await fetcher.close()

    def _update(self) -> None:
        self._readiness.update(self._watch)

    def _show_plan(self) -> None:
        self._metrics.plan_info.clear()
        for declarations in self._declared:
            self._metrics.plan_info.labels(declarations.plan.hash).set(declarations is self._declared[0])

    def _on_swap(self, model: ModelSet) -> None:
        """In the follower's thread."""
        self._loop.call_soon_threadsafe(self._swapped, model)

    def _swapped(self, model: ModelSet) -> None:
        self._serving.show(model)
        self._update()


def open_cache(settings: ScorerSettings, metrics: ScorerMetrics) -> ScoreCache | None:
    """A cache of scores, where it was asked for."""
    if not settings.score_cache:
        return None
    return ScoreCache(ttl_s=settings.score_cache_s, max_rows=settings.score_cache_rows, metrics=metrics)


def run_scorer(settings: Settings, plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT, in one process or in several."""
    if settings.scorer.processes > 1:
        run_processes(settings.scorer, lambda mine, child: run_one(settings, plan, mine, child))
    else:
        run_one(settings, plan, settings.scorer, None)


def run_one(settings: Settings, plan: Plan, mine: ScorerSettings, child: ChildSide | None) -> None:
    """Serve in this process, with settings of its own; ``child`` where it is one of several."""
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

    plans = PlanFollower(state_dir, on_change=declare)
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
    start_http_server(settings.scorer.metrics_port, settings.scorer.host, metrics.registry)
    await scorer.start()
    plans.start()
    # What start-up made lives as long as the process: a full collection need not walk it while a caller waits.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
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
    await asyncio.to_thread(records.close)
    if tracer is not None:
        await asyncio.to_thread(tracer.close)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A faster loop where there is one."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
