"""Views are added, changed, removed and put back while events come and scores are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.bootstrap import birth_of, fold_lake
from features.feast_layout import FeastRow, field_name, state_field, timestamp_field
from features.kernels import open_kernel
from features.plan import Plan, ViewPlan
from features.plan_shelf import fed_plans, plans_in_force
from features.view_events import read_events
from tests.end_to_end.rolling_world import RollingWorld, failures, heights, plan_of, rolling_world
from tests.grpc_api.shop import SALES, SPEND
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(400)]

YOUNG, GROWN = heights("habits", "aaaaaaaaaaaaaaaa", 3, 24), heights("habits", "bbbbbbbbbbbbbbbb", 6, 24)
NEW = heights("peaks", "cccccccccccccccc", 12)
FIRST, CHANGED, BARE = plan_of(SPEND, YOUNG), plan_of(SPEND, GROWN, NEW), plan_of(SPEND)


def proven(world: RollingWorld, more_than: int) -> int:
    """Wait until more records than that are in the lake; all that are prove right. How many there were."""
    report = wait_until(lambda: found if (found := world.verify()).checked > more_than else None, 60.0, "records")
    assert report.proven, report
    return report.checked


def replace(world: RollingWorld, plan: Plan, old: Plan, *, made: list[str], back: bool = False) -> None:
    """The whole procedure, from the plan that serves to another, and on to a model of it."""
    world.start_worker(plan)
    if not back:
        world.apply(plan)
        assert [one.birth.view for one in world.backfill()] == made
    first = world.roll_out(plan, back=back)
    assert (first.plan, first.previous, list(first.kept)) == (plan, old.hash, [old.hash])
    assert first.withdrawn == [], "the champion needs them"
    wait_until(lambda: set(world.features_of("b1")) == set(plan.service("buyers").feature_names), 30.0)
    version = world.promote(plan)
    world.wait_until_served(version)
    second = world.roll_out(plan)
    assert second.kept == {}
    assert fed_plans(world.state_dir, plans_in_force(world.state_dir)) == [plan.hash]
    world.workers.pop(old.hash).stop()
    assert failures(world.load) == []


def states_are_the_fold_of_the_lake(world: RollingWorld, plan: Plan, view: ViewPlan) -> None:
    """Every state, byte for byte, and Feast's fields of it, once nothing moves any more."""
    source = plan.source_of(view)
    states, _ = fold_lake(read_events(world.lake, plan, view), view, source, plan.project)
    kernel, row = open_kernel(view, source), FeastRow(view)
    field = state_field(view.name, birth_of(world.certificate(), view).id)
    assert len(states) > 30
    for state, found in zip(states.values(), world.fields(*states), strict=True):
        assert found[field] == kernel.encode(state)
        assert state.newest_us is not None
        words = row.fields(kernel.finish(state, state.newest_us + 1), state.newest_us)
        assert {name: found[name] for name in words[::2]} == dict(zip(words[::2], words[1::2], strict=True))


def left_of(world: RollingWorld, view: ViewPlan, birth: str) -> list[bytes]:
    """Fields of a birth that are still in the store."""
    names = {state_field(view.name, birth), timestamp_field(view.name)}
    names |= {field_name(view.name, feature) for feature in view.feature_names}
    return sorted({name for found in world.fields() for name in found if name in names})


def test_a_domain_changes_under_load(tmp_path: Path) -> None:
    """No score fails, the view that stays is fresh all along, every record proves right, and nothing is left behind."""
    with rolling_world(tmp_path, FIRST) as world:
        checked = proven(world, 20)
        young = birth_of(world.certificate(), YOUNG).id

        replace(world, CHANGED, FIRST, made=["habits", "peaks"])
        checked = proven(world, checked)
        grown = birth_of(world.certificate(), GROWN).id
        shared = field_name("habits", "max_24h")
        assert left_of(world, YOUNG, young) == sorted([timestamp_field("habits"), shared]), "the new one's as well"

        replace(world, BARE, CHANGED, made=[])
        checked = proven(world, checked)
        assert left_of(world, GROWN, grown) == []

        replace(world, CHANGED, BARE, made=["habits", "peaks"], back=True)
        checked = proven(world, checked)

        for caller in world.load:
            caller.stop()
        assert failures(world.load) == []
        assert world.scoring.n_done > 100
        assert world.freshness_s
        wait_until(lambda: world.verify().waiting == 0, 60.0, "the lake to cover every record")
        assert world.verify().proven
        events = world.selling.n_done + world.probing.n_done
        wait_until(lambda: len(world.lake.read(SALES)) == events, 60.0, "every event to be in the lake")
        worker = world.workers[CHANGED.hash]
        wait_until(lambda: worker.committed(SALES.topic) == events, 60.0, "every event to be applied")
        for view in CHANGED.views:
            states_are_the_fold_of_the_lake(world, CHANGED, view)
