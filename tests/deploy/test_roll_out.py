"""What a roll-out refuses, and how it tells what it did."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import msgspec
import pytest

from deploy.births import make_births
from deploy.only_one import only_one
from deploy.prepare import fed_topics
from deploy.roll_out import RolledOut, RollOut
from deploy.running_stack import RunningStack
from deploy.served_models import read_served
from deploy.servers import ValkeyServer
from features.bootstrap import birth_of
from features.errors import BirthMissingError, UnavailableError
from features.feast_layout import FeastRow, entity_key, state_field
from features.lake import open_lake
from features.nouns import SCORES_TOPIC
from features.plan import Plan
from features.plan_shelf import InForce, plans_in_force, put_in_force, put_on_shelf
from features.redis_store import RedisStore
from features.settings import LakeSettings, Settings
from features.succession import serve_births
from grpc_api.pointer import models_dir
from tests.features.strategies import SOURCE
from tests.features.test_verify import KERNEL, VIEW, World
from tests.features.test_verify import PLAN as LEVELS
from tests.grpc_api.shop import PLAN, publish

PROJECT = "given_up"
EMPTY = hashlib.sha256(b"").hexdigest()
OTHER_VIEW = msgspec.structs.replace(
    VIEW, hash="8899aabbccddeeff", features=(msgspec.structs.replace(VIEW.features[1], name="n"), *VIEW.features[1:])
)
BEFORE = msgspec.structs.replace(LEVELS, project=PROJECT, transforms_sha256=EMPTY)
AFTER = msgspec.structs.replace(BEFORE, views=(OTHER_VIEW,))


def test_one_roll_out_at_a_time(tmp_path: Path) -> None:
    """A second one, or a backfill, is told to wait; the next one may begin once the first has ended."""
    with only_one(tmp_path), pytest.raises(UnavailableError, match="under way"), only_one(tmp_path):
        pytest.fail("two at a time")
    with only_one(tmp_path):
        assert (tmp_path / "plans" / "births.lock").exists()


def test_a_start_waits_for_a_roll_out(tmp_path: Path) -> None:
    """Its births come once those of the other are there, so that no view is born twice; nobody has to try again."""
    entered = threading.Event()

    def wait() -> None:
        with only_one(tmp_path, wait=True):
            entered.set()

    waiting = threading.Thread(target=wait)
    with only_one(tmp_path):
        waiting.start()
        assert not entered.wait(0.2)
    waiting.join(30)
    assert entered.is_set()


def test_all_topics_that_workers_read_are_drained(tmp_path: Path) -> None:
    """Those of a plan that arrives, or is kept for its own views, too; of one that no workers are for, none."""

    def reading(topic: str, view_hash: str) -> Plan:
        source = msgspec.structs.replace(SOURCE, topic=topic)
        one = msgspec.structs.replace(VIEW, topic=topic, hash=view_hash)
        made = msgspec.structs.replace(BEFORE, sources=(source,), views=(one,))
        put_on_shelf(made, b"", tmp_path)
        return made

    serving, arriving, kept = (reading(f"topic_{name}", name * 16) for name in "abc")
    unfed = msgspec.structs.replace(serving, sources=(msgspec.structs.replace(SOURCE, topic="unfed"),))
    put_on_shelf(unfed, b"", tmp_path)
    put_in_force(tmp_path, InForce(serving=serving.hash, arriving=arriving.hash, kept=(kept.hash, unfed.hash)))
    assert fed_topics(tmp_path) == ["topic_a", SCORES_TOPIC, "topic_b", "topic_c"]


def test_it_is_said_who_keeps_a_plan(tmp_path: Path) -> None:
    """By name and version, and what to do about it."""
    publish(models_dir(tmp_path), "7")
    done = RolledOut(
        plan=PLAN,
        previous="0ld",
        served=["spend"],
        kept={"0ld": read_served(tmp_path)},
        withdrawn=["spend b1"],
        swept_fields=1_200,
    )
    assert done.text().splitlines() == [
        f"plan {PLAN.hash} of shop serves",
        "  view spend serves anew",
        "  plan 0ld is kept: buys version 7 needs it. Train, then roll out again",
        "  birth spend b1 is withdrawn",
        "  1,200 fields swept",
    ]
    assert done.data() == {
        "plan": PLAN.hash,
        "previous": "0ld",
        "served": ["spend"],
        "kept": {"0ld": ["buys 7"]},
        "withdrawn": ["spend b1"],
        "swept_fields": 1_200,
    }


@pytest.mark.servers
async def test_a_roll_out_can_be_given_up_half_way(tmp_path: Path, valkey: ValkeyServer) -> None:
    """Even when the new births serve already: Feast's fields are again those of the plan that never ceased to."""
    World(tmp_path).fill_lake()
    settings = Settings(var=tmp_path / "var", store=valkey.settings, lake=LakeSettings(url=str(tmp_path)))
    state_dir = settings.state_dir(PROJECT)
    put_on_shelf(BEFORE, b"", state_dir)
    rolling = RollOut(settings, state_dir, stack=RunningStack(settings, state_dir), say=lambda _: None, grace_s=0.01)
    assert plans_in_force(state_dir).serving == BEFORE.hash
    put_on_shelf(AFTER, b"", state_dir)
    store = RedisStore(PROJECT, settings.store)
    await store.connect()
    reader = RedisStore(PROJECT, settings.store, read_only=True)
    await reader.connect()
    try:
        with pytest.raises(BirthMissingError, match="backfill --to-online"):
            await rolling.run(AFTER, make_births=False)
        assert plans_in_force(state_dir) == InForce(serving=BEFORE.hash)
        assert len(await make_births(settings, state_dir, PROJECT, rebuild=False)) == 2
        put_in_force(state_dir, InForce(serving=BEFORE.hash, arriving=AFTER.hash))
        await serve_births(store, open_lake(str(tmp_path)), AFTER)  # and here it is broken off
        new = birth_of(await store.read_certificate(), OTHER_VIEW)

        put_on_shelf(BEFORE, b"", state_dir)
        done = await rolling.run(BEFORE, make_births=False)
        assert done.withdrawn == [f"levels {new.id}"]
        assert plans_in_force(state_dir) == InForce(serving=BEFORE.hash)
        certificate = await store.read_certificate()
        (old,) = certificate.births
        assert (old.view_hash, old.serving, old.feast, certificate.dropped) == (VIEW.hash, True, True, ())
        keys = [entity_key(PROJECT, VIEW.keys, [f"d{i}"]) for i in range(20)]
        names = FeastRow(VIEW).fields([0] * len(VIEW.features), 0)[::2]
        rows = await reader.read_fields(keys, [state_field("levels", old.id), state_field("levels", new.id), *names])
        assert done.swept_fields == len(rows)
        for state_bytes, swept, *found in rows:
            assert state_bytes is not None
            state = KERNEL.decode(state_bytes)
            assert state.newest_us is not None
            assert swept is None
            assert found == FeastRow(VIEW).fields(KERNEL.finish(state, state.newest_us + 1), state.newest_us)[1::2]
    finally:
        await reader.close()
        await store.close()


@pytest.mark.servers
async def test_a_plan_that_is_not_rolled_out_is_rebuilt_without_serving(tmp_path: Path, valkey: ValkeyServer) -> None:
    """Were its births to serve, or to take Feast's fields, a rebuild would be a roll-out without its workers."""
    project = "rebuilt"
    before, after = (msgspec.structs.replace(plan, project=project) for plan in (BEFORE, AFTER))
    World(tmp_path).fill_lake()
    settings = Settings(var=tmp_path / "var", store=valkey.settings, lake=LakeSettings(url=str(tmp_path)))
    state_dir = settings.state_dir(project)
    put_on_shelf(before, b"", state_dir)
    put_in_force(state_dir, InForce(serving=before.hash))
    put_on_shelf(after, b"", state_dir)
    for _ in range(2):
        made = await make_births(settings, state_dir, project, rebuild=True)
        assert [(one.birth.view_hash, one.birth.serving, one.birth.feast) for one in made] == [
            (VIEW.hash, True, True),
            (OTHER_VIEW.hash, False, False),
        ]


@pytest.mark.servers
async def test_after_a_lost_store_feast_shows_a_view_that_a_kept_plan_alone_has(
    tmp_path: Path, valkey: ValkeyServer
) -> None:
    """Of views that go by one name it shows that of the plan that serves."""
    project = "kept_alone"
    alone = msgspec.structs.replace(OTHER_VIEW, name="alone", hash="99aabbccddeeff00")
    serving, kept, arriving = (
        msgspec.structs.replace(BEFORE, project=project, views=views)
        for views in (
            (VIEW,),
            (OTHER_VIEW, alone),
            (msgspec.structs.replace(alone, name="new", hash="aabbccddeeff0011"),),
        )
    )
    World(tmp_path).fill_lake()
    settings = Settings(var=tmp_path / "var", store=valkey.settings, lake=LakeSettings(url=str(tmp_path)))
    state_dir = settings.state_dir(project)
    for plan in (kept, arriving, serving):
        put_on_shelf(plan, b"", state_dir)
    put_in_force(state_dir, InForce(serving=serving.hash, kept=(kept.hash,), arriving=arriving.hash))
    made = await make_births(settings, state_dir, project, rebuild=False)
    assert [(one.birth.view, one.birth.serving, one.birth.feast) for one in made] == [
        ("levels", True, True),
        ("levels", True, False),
        ("alone", True, True),
        ("new", False, False),
    ]
