"""States of the online store made from the lake, from the command line."""

from __future__ import annotations

from features.bootstrap import Bootstrapped, ensure_births, rebuild_births
from features.lake import open_site_lake
from features.plan import Plan
from features.redis_store import RedisStore
from features.settings import Settings


async def make_births(settings: Settings, plan: Plan, *, rebuild: bool) -> list[Bootstrapped]:
    """Births for the views that lack one; with ``rebuild`` new ones for all views."""
    store = RedisStore(plan.project, settings.store, key_ttl_s=plan.key_ttl_s)
    lake = open_site_lake(settings, plan.project)
    await store.connect()
    try:
        if rebuild:
            return await rebuild_births(store, lake, plan, [view.name for view in plan.views])
        return await ensure_births(store, lake, plan)
    finally:
        await store.close()
