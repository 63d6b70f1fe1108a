"""Putting right by hand: states made anew from the lake, and records that are given up."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.adoption import give_up
from deploy.repairs import repair_entities
from deploy.servers import ValkeyServer
from features.bootstrap import bootstrap_view, state_write
from features.feast_layout import entity_key
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
    assert await repair_entities(settings, plan, world.lake, entities) == 1
    (repaired,) = await store.read_states("levels", made.birth.id, [key])
    await store.close()
    assert repaired is not None
    state = KERNEL.decode(repaired)
    assert (state.repair, state.positions) == (1, KERNEL.decode(true).positions)
    state.repair = 0
    assert KERNEL.encode(state) == true


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
