"""A scorer that knows two plans, while one takes the place of the other."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from features.errors import DomainError, StoreUnavailableError
from features.memory_store import MemoryStore
from features.plan import Plan
from features.plan_shelf import InForce, plan_folder, put_in_force, put_on_shelf
from features.routing import CHAMPION
from features.store import Birth
from grpc_api.file_intake import RETRY_S
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
ONE = msgspec.structs.replace(other_plan(), transforms_sha256=hashlib.sha256(b"").hexdigest())
TWO = msgspec.structs.replace(ONE, views=())


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


class Process:
    """A process that follows the plans of a state folder; with a neighbour that may be down."""

    def __init__(self, state_dir: Path) -> None:
        self.now_s = 0.0
        self.problem: Exception | None = None
        self.told: list[list[str]] = []
        self.refused: list[bool] = []
        self.follower = PlanFollower(
            state_dir, on_change=self.declare, on_refused=self.refused.append, now_s=lambda: self.now_s
        )

    def declare(self, declared: tuple[Declarations, ...]) -> None:
        if self.problem is not None:
            raise self.problem
        self.told.append([declarations.plan.hash for declarations in declared])

    def look(self) -> list[Plan]:
        """The plans that it knows after a look."""
        return [declarations.plan for declarations in self.follower.look()]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """It knows the only plan there is; another is on the shelf."""
    process = Process(tmp_path)
    put_on_shelf(ONE, b"", tmp_path)
    assert process.look() == [ONE]
    put_on_shelf(TWO, b"", tmp_path)
    assert process.look() == [ONE]
    return process


def test_a_change_of_plans_is_told_once(process: Process, tmp_path: Path) -> None:
    """The serving plan first; the first look tells nobody, and an apply alone is no change."""
    assert process.told == []
    put_in_force(tmp_path, InForce(serving=TWO.hash, kept=(ONE.hash,)))
    process.look()
    assert process.look() == [TWO, ONE]
    assert process.told == [[TWO.hash, ONE.hash]]


def test_a_plan_that_could_not_be_had_once_is_tried_again(process: Process, tmp_path: Path) -> None:
    """Once a minute, whatever was the matter; the plans before go on, and it is logged once."""
    file = plan_folder(tmp_path, TWO.hash) / "plan.json"
    away = file.rename(file.with_name("away"))
    put_in_force(tmp_path, InForce(serving=TWO.hash))
    with capture_logs() as logs:
        for _ in range(3):
            assert process.look() == [ONE]
        process.now_s += RETRY_S
        assert process.look() == [ONE]
        away.rename(file)
        assert process.look() == [ONE]
        process.now_s += RETRY_S
        assert process.look() == [TWO]
    assert ([log["event"] for log in logs], process.refused) == (["plans_refused", "plans_taken"], [True, False])
    assert process.told == [[TWO.hash]]


@pytest.mark.parametrize("problem", [StoreUnavailableError("store", "is away"), OSError("no more files")])
def test_a_change_that_could_not_be_taken_up_is_told_again(
    process: Process, tmp_path: Path, problem: Exception
) -> None:
    """The plan was there, and what it is needed for failed."""
    process.problem = problem
    put_in_force(tmp_path, InForce(serving=TWO.hash))
    assert process.look() == [ONE]
    process.problem = None
    process.now_s += RETRY_S
    assert process.look() == [TWO]
    assert process.told == [[TWO.hash]]


def test_the_first_look_says_what_is_in_the_way(tmp_path: Path) -> None:
    """A process that knows no plan has nothing to go on with."""
    with pytest.raises(DomainError):
        Process(tmp_path).look()
