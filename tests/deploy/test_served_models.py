"""A plan is kept as long as a model that serves cannot do without it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.served_models import needed_plans, read_served
from features.errors import BundleCorruptError
from features.plan_shelf import put_on_shelf
from grpc_api.pointer import models_dir
from tests.grpc_api.shop import PLAN, SPEND, publish

OTHER_VIEW = msgspec.structs.replace(SPEND, hash="ffffffffffffffff")
CHANGED = msgspec.structs.replace(PLAN, views=(OTHER_VIEW, *PLAN.views[1:]))
OTHER_CODE = msgspec.structs.replace(PLAN, transforms_sha256="1" * 64)
MORE = msgspec.structs.replace(PLAN, views=(*PLAN.views, msgspec.structs.replace(SPEND, name="other", hash="ee")))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A model of the first plan serves."""
    for plan in (PLAN, CHANGED, OTHER_CODE, MORE):
        put_on_shelf(plan, b"", tmp_path)
    publish(models_dir(tmp_path), "1")
    return tmp_path


@pytest.mark.parametrize("plan", [CHANGED, OTHER_CODE], ids=["a view", "the request-time code"])
def test_a_plan_without_which_a_champion_cannot_serve_is_needed(state_dir: Path, plan: object) -> None:
    """What the model reads has changed; it is said which model that is. Of several plans that fit, one is enough."""
    needed = needed_plans(state_dir, plan.hash, [OTHER_CODE.hash, PLAN.hash, MORE.hash])  # type: ignore[attr-defined]
    assert {plan_hash: [(c.model, c.version) for c in champions] for plan_hash, champions in needed.items()} == {
        PLAN.hash: [("buys", "1")]
    }


def test_a_plan_that_only_has_more_serves_the_champion_as_well(state_dir: Path) -> None:
    """Nothing that the model reads has changed."""
    assert needed_plans(state_dir, MORE.hash, [PLAN.hash, CHANGED.hash]) == {}


def test_once_its_successor_is_champion_a_plan_is_needed_no_more(state_dir: Path) -> None:
    """The pointer decides, not the bundles that lie about."""
    assert needed_plans(state_dir, CHANGED.hash, [PLAN.hash]) != {}
    publish(models_dir(state_dir), "2", plan=CHANGED)
    assert needed_plans(state_dir, CHANGED.hash, [PLAN.hash]) == {}
    assert [champion.version for champion in read_served(state_dir)] == ["2"]


def test_a_champion_that_cannot_be_read_is_not_taken_for_none(state_dir: Path) -> None:
    """What it needs is not known, so nothing may be taken away."""
    (models_dir(state_dir) / "buys" / "1" / "manifest.json").unlink()
    with pytest.raises(BundleCorruptError):
        needed_plans(state_dir, CHANGED.hash, [PLAN.hash])
