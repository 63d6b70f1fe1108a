"""Births of a fault run, made in a process of their own, lest they stand in the way of its proxy and traffic."""

from __future__ import annotations

import asyncio

from features.bootstrap import ensure_births, rebuild_births
from features.lake import open_lake
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import StoreSettings


def make_births(settings: StoreSettings, lake_url: str, plan: Plan, rebuild: bool) -> None:
    """What ``millstream backfill --to-online`` does, with ``--rebuild`` or without."""

    async def make() -> None:
        store, lake = RedisStore(plan.project, settings), open_lake(lake_url)
        await store.connect()
        try:
            if rebuild:
                await rebuild_births(store, lake, plan, [view.name for view in plan.views])
            else:
                await ensure_births(store, lake, plan)
        finally:
            await store.close()

    asyncio.run(make())
