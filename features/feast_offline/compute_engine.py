"""``batch_engine.type: features.feast_offline.MillstreamComputeEngine``: ``feast materialize`` of stream views."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from feast import StreamFeatureView
from feast.infra.common.materialization_job import MaterializationJobStatus
from feast.infra.compute_engines.local.compute import LocalComputeEngine, LocalComputeEngineConfig
from feast.infra.compute_engines.local.job import LocalMaterializationJob

from features.feast_offline.materialization import materialize_view
from features.feast_offline.planned_view import planned_view
from features.feast_offline.redis_address import store_settings
from features.feast_offline.site import Site
from features.redis_store import RedisStore

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class MillstreamComputeEngineConfig(LocalComputeEngineConfig):  # type: ignore[misc]  # Feast is not typed
    """Its part of ``feature_store.yaml``."""

    type: Literal["features.feast_offline.MillstreamComputeEngine"] = "features.feast_offline.MillstreamComputeEngine"


class MillstreamComputeEngine(LocalComputeEngine):  # type: ignore[misc]  # Feast is not typed
    """Stream views from the lake, as the worker writes them; plain views as Feast's local engine."""

    def _materialize_one(self, registry: Any, task: Any, **options: Any) -> Any:
        view = task.feature_view
        if not isinstance(view, StreamFeatureView):
            return super()._materialize_one(registry, task, **options)
        site = Site(self.repo_config)
        planned = planned_view(site, view, registry)
        store = RedisStore(site.plan.project, store_settings(self.repo_config.online_store))
        start_us, end_us = _microseconds(task.start_time), _microseconds(task.end_time)

        async def run() -> None:
            await store.connect()
            try:
                with _progress(task) as progress:
                    await materialize_view(site, store, planned, start_us, end_us, progress)
            finally:
                await store.close()

        _run(run())
        job = f"{view.name}-{task.start_time}-{task.end_time}"
        return LocalMaterializationJob(job_id=job, status=MaterializationJobStatus.SUCCEEDED)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, in a thread of its own: the caller may have an event loop, as notebooks do."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


@contextmanager
def _progress(task: Any) -> Iterator[Callable[[int], object]]:
    """What is told of entities that are done: Feast's progress bar, where it gives one."""
    if task.tqdm_builder is None:
        yield lambda _: None
        return
    with task.tqdm_builder(None) as bar:
        yield bar.update
