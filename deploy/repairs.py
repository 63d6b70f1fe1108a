"""Entities whose scores could not be proven, made anew in the store from the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from features.lake import Lake
from features.nouns import KeyValue
from features.plan import Plan
from features.plan_shelf import each_view
from features.redis_store import RedisStore
from features.repair import repair_entity
from features.settings import Settings


async def repair_entities(
    settings: Settings, plans: Sequence[Plan], lake: Lake, entities: Iterable[Mapping[str, KeyValue]]
) -> int:
    """Repair the states of each entity in every view that its keys name; how many states were written.

    ``plans`` are those of `features.plan_shelf.live_plans`: each view's birth of any of them is repaired once.
    """
    store = RedisStore(plans[0].project, settings.store)
    await store.connect()
    try:
        certified = {(birth.view, birth.view_hash) for birth in (await store.read_certificate()).births}
        repaired = 0
        for entity in {tuple(sorted(entity.items())): entity for entity in entities}.values():
            for plan, view in each_view(plans):
                born = plan is plans[0] or (view.name, view.hash) in certified  # one that waits has nothing to repair
                if born and all(key.name in entity for key in view.keys):
                    repaired += await repair_entity(store, lake, plan, view.name, entity)
        return repaired
    finally:
        await store.close()
