"""States of the online store made from the lake, from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from features.bootstrap import Bootstrapped, ensure_births, rebuild_births
from features.lake import open_site_lake
from features.plan import Plan
from features.plan_shelf import applied_plan, plans_in_force, shelved_plan
from features.redis_store import RedisStore
from features.settings import Settings
from features.store import Store
from features.sweep import sweep

READERS_S: Final = 4.0
"""A scorer looks every second which births there are; until it has, it reads the states of those before."""


class Standing(NamedTuple):
    """A plan, and what new births of its views are to be.

    They serve unless the plan is still to be rolled out; of ``hidden`` views, Feast's fields show another plan's.
    """

    plan: Plan
    serving: bool
    hidden: frozenset[str]


async def make_births(settings: Settings, state_dir: Path, project: str, *, rebuild: bool) -> list[Bootstrapped]:
    """Births for the views that lack one, of the plans in force and of the applied one.

    Those of the applied plan alone do not serve yet. With ``rebuild`` all births are made anew, and what the old ones
    leave is swept.
    """
    store = RedisStore(project, settings.store)
    await store.connect()
    try:
        if not rebuild:
            made = await ensure_births_in_force(store, settings, state_dir)
            return made + await ensure_births_arriving(store, settings, applied_plan(state_dir))
        lake = open_site_lake(settings, project)
        made = []
        rebuilt: set[str] = set()
        arriving = Standing(applied_plan(state_dir), serving=False, hidden=frozenset())
        for plan, serving, hidden in (*standings_in_force(state_dir), arriving):
            names = [view.name for view in plan.views if view.hash not in rebuilt]
            made += await rebuild_births(store, lake, plan, names, serving=serving, hidden=hidden)
            rebuilt |= {view.hash for view in plan.views}
        await asyncio.sleep(READERS_S)
        await sweep(store)
        return made
    finally:
        await store.close()


async def ensure_births_in_force(store: Store, settings: Settings, state_dir: Path) -> list[Bootstrapped]:
    """Births for views of the plans in force that lack one; those of a plan that arrives do not serve yet."""
    made = []
    for plan, serving, hidden in standings_in_force(state_dir):
        lake = open_site_lake(settings, plan.project)
        made += await ensure_births(store, lake, plan, serving=serving, hidden=hidden)
    return made


async def ensure_births_arriving(store: Store, settings: Settings, plan: Plan) -> list[Bootstrapped]:
    """Births that do not serve yet, for views of a plan that lack one."""
    return await ensure_births(store, open_site_lake(settings, plan.project), plan, serving=False)


def standings_in_force(state_dir: Path) -> Iterator[Standing]:
    """Plans that run, one that arrives last, for what it shares with others serves.

    Of views that go by one name, Feast's fields show that of the first plan.
    """
    in_force = plans_in_force(state_dir)
    shown = frozenset[str]()
    for plan_hash in sorted(in_force.plans, key=lambda plan_hash: plan_hash == in_force.arriving):
        plan = shelved_plan(state_dir, plan_hash)
        yield Standing(plan, serving=plan_hash != in_force.arriving, hidden=shown)
        shown |= {view.name for view in plan.views}
