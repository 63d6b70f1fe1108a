"""A scorer on one event loop: store, models, records, health and the core, and the servers in front of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from features.clock import Clock
from features.settings import ScorerSettings
from features.store import StoreReader
from features.tracing import Tracer
from grpc_api.births import BirthWatch
from grpc_api.call_trace import CallTraces
from grpc_api.chunk_scorer import ChunkScorer
from grpc_api.core import Core
from grpc_api.feature_reader import FeatureReader
from grpc_api.followed_model import Loading
from grpc_api.front import Front
from grpc_api.health import Health
from grpc_api.lookup import Fetcher
from grpc_api.meter import Meter
from grpc_api.metrics import ScorerMetrics
from grpc_api.model_follower import ModelFollower
from grpc_api.model_set import ModelSet
from grpc_api.models import Models
from grpc_api.questions import Questions
from grpc_api.readiness import Readiness, can_answer
from grpc_api.reads import Reads
from grpc_api.records import RecordSink
from grpc_api.score_cache import ScoreCache
from grpc_api.served_model import Declarations, load_model
from grpc_api.serving_metrics import ServingMetrics
from grpc_api.shadows import Shadows
from grpc_api.turns import Turns

DRAIN_S: Final = 10.0


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
        self._metrics = metrics
        self._serving = ServingMetrics(metrics)
        self._health = Health()
        self._watch = BirthWatch(open_reader=open_reader, on_change=self._update)
        self._fetchers = tuple(Fetcher(open_reader=open_reader, watch=self._watch) for _ in range(3))
        models, turns = Models(clock=clock), Turns()
        traces = None if tracer is None else CallTraces(tracer)
        self._meter = Meter(metrics) if traces is None else Meter(metrics, traces.tell)
        self._readiness = Readiness(models=models, health=self._health, metrics=metrics, store_down=settings.store_down)
        self._follower = self._open_follower(models_folder, models, turn)
        self._shadows = Shadows(fetcher=self._fetchers[2], records=records, meter=self._meter, clock=clock)
        reads, batch_reads = (
            Reads(fetcher, share=settings.fetch_share, store_down=settings.store_down) for fetcher in self._fetchers[:2]
        )
        self._features = FeatureReader(
            services=declared[0].services(), models=models, reads=reads, turns=turns, clock=clock
        )
        self.core = Core(
            models=models,
            questions=Questions(models),
            scorer=ChunkScorer(
                reads=reads,
                batch_reads=batch_reads,
                turns=turns,
                records=records,
                clock=clock,
                meter=self._meter,
                cache=open_cache(settings, metrics),
            ),
            features=self._features,
            shadows=self._shadows,
            max_batch_rows=settings.max_batch_rows,
        )
        self._front = Front(
            settings=settings,
            core=self.core,
            health=self._health,
            models=models,
            turns=turns,
            metrics=metrics,
            meter=self._meter,
            traces=traces,
            clock=clock,
        )

    @property
    def port(self) -> int:
        """Where it listens, once started; settings may leave it to the machine (0)."""
        return self._front.port

    @property
    def rest_port(self) -> int | None:
        """Where the REST gateway listens, once started; None where it is switched off."""
        return self._front.rest_port

    async def declare(self, declared: Sequence[Declarations]) -> None:
        """Give features as the first of these plans says, and serve models that were made for any of them."""
        self._declared = declared
        await self._watch.read_anew()  # a plan is put in force once its births serve: they are to be known before it
        self._features.declare(await asyncio.to_thread(declared[0].services))
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
        await self._front.start()

    async def stop(self, drain_s: float = DRAIN_S) -> None:
        """Say that nothing serves any more, let calls in flight end, then stop."""
        self._health.end()
        await self._front.stop(drain_s)
        await self._shadows.stop()
        await asyncio.to_thread(self._meter.stop)
        await asyncio.to_thread(self._follower.stop)
        await self._watch.stop()
        for fetcher in self._fetchers:
            await fetcher.close()

    def _open_follower(self, folder: Path, models: Models, turn: float) -> ModelFollower:
        return ModelFollower(
            folder=folder,
            loading=Loading(
                load=lambda path, pointer, arm: load_model(path, pointer, self._declared, arm),
                can_answer=lambda model: can_answer(model, self._watch.births),
                on_refusal=lambda model: self._metrics.refused.labels(model).inc(),
            ),
            models=models,
            on_swap=lambda model: self._tell(self._swapped, model),
            on_refused=lambda name, n_refused: self._tell(self._readiness.refuse, name, n_refused),
            turn=turn,
        )

    def _update(self) -> None:
        self._readiness.update(self._watch)

    def _show_plan(self) -> None:
        self._metrics.plan_info.clear()
        for declarations in self._declared:
            self._metrics.plan_info.labels(declarations.plan.hash).set(declarations is self._declared[0])

    def _tell(self, told: Callable[..., None], *what: Any) -> None:
        """From the follower's thread to the loop."""
        self._loop.call_soon_threadsafe(told, *what)

    def _swapped(self, model: ModelSet) -> None:
        self._serving.show(model)
        self._update()


def open_cache(settings: ScorerSettings, metrics: ScorerMetrics) -> ScoreCache | None:
    """A cache of scores, where it was asked for."""
    if not settings.score_cache:
        return None
    return ScoreCache(ttl_s=settings.score_cache_s, max_rows=settings.score_cache_rows, metrics=metrics)
