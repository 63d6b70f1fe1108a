"""A scorer that knows two plans, while one takes the place of the other."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec

from features.memory_store import MemoryStore
from features.plan import Plan
from features.plan_shelf import InForce, put_in_force, put_on_shelf
from features.routing import CHAMPION
from features.store import Birth
from grpc_api.plans import PlanFollower
from grpc_api.served_model import Declarations
from tests.grpc_api.shop import DECLARATIONS, PLAN, SPEND, open_shop, point_at, publish
from tests.streams.shop import plan as other_plan
from tests.waiting import wait_until

NEW_SPEND = msgspec.structs.replace(SPEND, features=SPEND.features[:3], hash="ffffffffffffffff")
NEW_PLAN = msgspec.structs.replace(
    PLAN,
    views=(NEW_SPEND, *PLAN.views[1:]),
    services=(msgspec.structs.replace(PLAN.services[0], features=PLAN.services[0].features[:3]), PLAN.services[1]),
)
NEW = Declarations(NEW_PLAN, DECLARATIONS.applied_at, DECLARATIONS.functions)


def certify(store: MemoryStore, plan: Plan, *, serving: bool) -> None:
    """A birth of the changed view, with no states."""

    async def write() -> None:
        await store.connect()
        view = plan.view("spend")
        await store.write_birth(Birth(view="spend", view_hash=view.hash, id="b2", cut={}, serving=serving))

    asyncio.run(write())


def test_a_new_model_waits_for_its_views_and_the_old_one_serves_on(tmp_path: Path) -> None:
    """From the birth of its views to their service; and it can be put back, each model read from its own births."""
    with open_shop(tmp_path, declared=(DECLARATIONS, NEW)) as (shop, client):
        first = publish(tmp_path, "1")
        wait_until(lambda: shop.scorer.core._models.served, what="the first model")
        certify(shop.store, NEW_PLAN, serving=False)
        publish(tmp_path, "2", plan=NEW_PLAN, weights=[1.0, 0.0, 0.0])
        waits = shop.scorer.inner._follower._followed["buys"]._held
        wait_until(lambda: CHAMPION in waits, what="the new model to wait")
        answer = client.score({"buyer": "ann"})
        assert (answer.version, answer.view_hashes) == ("1", {"spend": SPEND.hash})

        shop.store.shards.stop()  # nobody can answer then: no reason to take the one that could not before
        wait_until(
            lambda: shop.sample("millstream_scorer_model_ready", model="buys") == 0, what="the store to be missed"
        )
        shop.store.shards.start()
        wait_until(lambda: shop.sample("millstream_scorer_model_ready", model="buys") == 1, what="the store again")
        assert client.score({"buyer": "ann"}).version == "1"

        certify(shop.store, NEW_PLAN, serving=True)
        new = wait_until(
            lambda: found if (found := client.score({"buyer": "ann"})).version == "2" else None, what="the new model"
        )
        assert new.view_hashes == {"spend": NEW_SPEND.hash}
        assert [note.reason for note in new.notes] == ["unknown_entity"] * 3, "its birth holds no states here"
        assert shop.records.records[-1].plan_hash == NEW_PLAN.hash

        point_at(tmp_path, "buys", "1", first.digest)
        wait_until(lambda: client.score({"buyer": "ann"}).version == "1", what="the first model again")
        assert shop.records.records[-1].plan_hash == PLAN.hash


def test_a_scorer_is_told_of_another_plan(tmp_path: Path) -> None:
    """A bundle that fitted none is tried again, and features by service are those of the new plan."""
    with open_shop(tmp_path) as (shop, client):
        publish(tmp_path, "1", plan=NEW_PLAN, weights=[1.0, 0.0, 0.0])
        refused = "millstream_scorer_bundles_refused_total"
        wait_until(lambda: shop.sample(refused, model="buys") == 1, what="the bundle to be refused")
        assert len(client.get_features({"buyer": "ann"}, service="buyers").values) == 5

        certify(shop.store, NEW_PLAN, serving=True)
        shop.scorer.declare((NEW, DECLARATIONS))
        assert len(client.get_features({"buyer": "ann"}, service="buyers").values) == 3
        wait_until(lambda: shop.scorer.core._models.served, what="the model")
        assert client.score({"buyer": "ann"}).version == "1"
        shown = {plan.hash: shop.sample("millstream_scorer_plan_info", plan=plan.hash) for plan in (PLAN, NEW_PLAN)}
        assert shown == {PLAN.hash: 0, NEW_PLAN.hash: 1}


def test_a_change_of_plans_is_told_once(tmp_path: Path) -> None:
    """The serving plan first; the first look tells nobody, and an apply alone is no change."""
    one = msgspec.structs.replace(other_plan(), transforms_sha256=hashlib.sha256(b"").hexdigest())
    two = msgspec.structs.replace(one, views=())
    told: list[list[str]] = []
    follower = PlanFollower(tmp_path, on_change=lambda known: told.append([d.plan.hash for d in known]))
    put_on_shelf(one, b"", tmp_path)
    assert [declarations.plan for declarations in follower.look()] == [one]
    put_on_shelf(two, b"", tmp_path)
    follower.look()
    assert told == []
    put_in_force(tmp_path, InForce(serving=two.hash, kept=(one.hash,)))
    follower.look()
    assert [declarations.plan for declarations in follower.look()] == [two, one]
    assert told == [[two.hash, one.hash]]
