"""Entities whose scores could not be proven, made anew in the store from the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from features.lake import Lake
from features.nouns import KeyValue
from features.plan import Plan
from features.redis_store import RedisStore
from features.repair import repair_entity
from features.settings import Settings


async def repair_entities(
    settings: Settings, plan: Plan, lake: Lake, entities: Iterable[Mapping[str, KeyValue]]
) -> int:
    """Repair the state of each entity in every view that its keys name; how many states were written."""
    store = RedisStore(plan.project, settings.store)
    await store.connect()
    try:
        repaired = 0
        for entity in {tuple(sorted(entity.items())): entity for entity in entities}.values():
            for view in plan.views:
                if all(key.name in entity for key in view.keys):
                    repaired += await repair_entity(store, lake, plan, view.name, entity)
        return repaired
    finally:
        await store.close()
