"""Putting right by hand: states made anew from the lake, and records that are given up."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.adoption import give_up
from deploy.repairs import repair_entities
from deploy.servers import ValkeyServer
from features.bootstrap import bootstrap_view, ensure_births, state_write
from features.feast_layout import entity_key
from features.kernels import open_kernel
from features.lake import open_lake
from features.redis_store import RedisStore
from features.settings import Settings
from features.store import AdoptedLog
from tests.features.strategies import LOGS
from tests.features.test_verify import KERNEL, PLAN, SOURCE, VIEW, World, write


@pytest.mark.servers
async def test_a_damaged_state_is_made_anew_in_a_real_store(tmp_path: Path, valkey: ValkeyServer) -> None:
    """Entities named twice, or unknown to the store, do no harm; the head tells writers of the repair."""
    world = World(tmp_path)
    world.fill_lake()
    plan = msgspec.structs.replace(PLAN, project="repairs")
    store = RedisStore("repairs", valkey.settings)
    await store.connect()
    made = await bootstrap_view(store, world.lake, plan, VIEW)
    key = entity_key("repairs", VIEW.keys, ["d3"])
    (true,) = await store.read_states("levels", made.birth.id, [key])
    assert true is not None
    broken = KERNEL.decode(true)
    broken.ever[0] += 1
    damage = state_write(KERNEL, key, KERNEL.head(broken), broken)
    assert await store.write_states("levels", made.birth.id, [damage]) == [None]
    entities = [{"device": "d3"}, {"device": "d3"}, {"device": "nobody"}, {"other": 1}]
    settings = Settings(store=valkey.settings)
    assert await repair_entities(settings, [plan], world.lake, entities) == 1
    (repaired,) = await store.read_states("levels", made.birth.id, [key])
    await store.close()
    assert repaired is not None
    state = KERNEL.decode(repaired)
    assert (state.repair, state.positions) == (1, KERNEL.decode(true).positions)
    state.repair = 0
    assert KERNEL.encode(state) == true


@pytest.mark.servers
async def test_births_of_every_plan_that_runs_are_repaired(tmp_path: Path, valkey: ValkeyServer) -> None:
    """Each once, however many plans share it; one that is only applied and has no birth yet has nothing to repair."""
    world = World(tmp_path)
    world.fill_lake()
    serving = msgspec.structs.replace(PLAN, project="repairs_of_plans")
    other, waiting = (
        msgspec.structs.replace(serving, views=(msgspec.structs.replace(VIEW, hash=fresh),))
        for fresh in ("aa" * 8, "bb" * 8)
    )
    store = RedisStore(serving.project, valkey.settings)
    await store.connect()
    made = [birth for plan in (serving, other) for birth in await ensure_births(store, world.lake, plan)]
    assert len(made) == 2
    settings = Settings(store=valkey.settings)
    assert await repair_entities(settings, [serving, other, waiting, serving], world.lake, [{"device": "d3"}]) == 2
    key = entity_key(serving.project, VIEW.keys, ["d3"])
    for plan, each in zip((serving, other), made, strict=True):
        (state,) = await store.read_states("levels", each.birth.id, [key])
        assert state is not None
        assert open_kernel(plan.views[0], SOURCE).decode(state).repair == 1
    await store.close()


def test_records_given_up_by_adoption_are_no_gap(tmp_path: Path) -> None:
    """The lake's end moves to where reading begins again; partitions that it never held are left alone."""
    world = World(tmp_path)
    lake = open_lake(str(tmp_path))
    write(lake, SOURCE, LOGS[0], world.values[:100])
    give_up(lake, PLAN, AdoptedLog(topic="readings", log=LOGS[0], start={0: 250, 1: 40}))
    assert lake.end("readings", LOGS[0], 0) == 250
    assert lake.end("readings", LOGS[0], 1) is None
    assert lake.check("readings", source=SOURCE) == []
    assert lake.read(SOURCE).num_rows == 100
