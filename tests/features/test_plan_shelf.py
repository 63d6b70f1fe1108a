"""Every plan is kept under its hash, and what runs changes only when it is said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from features.errors import CorruptError, DomainError, PlanMismatchError
from features.plan import Plan
from features.plan_shelf import (
    InForce,
    applied_plan,
    each_view,
    fed_plans,
    functions_of,
    live_plans,
    plan_folder,
    plans_in_force,
    put_in_force,
    put_on_shelf,
    read_in_force,
    serving_plan,
    shelved_hashes,
    shelved_plan,
)
from tests.streams.shop import plan, view

EARLY = b"def doubled(amount):\n    return 2 * amount\n"
LATE = b"def doubled(amount):\n    return amount + amount\n"


def pinned(made: Plan, transforms: bytes) -> Plan:
    return msgspec.structs.replace(made, transforms_sha256=hashlib.sha256(transforms).hexdigest())


FIRST, SECOND = pinned(plan(), EARLY), pinned(plan("shop", view("spend"), view("visits", "aa")), LATE)


def test_every_plan_is_kept_with_what_it_pins(tmp_path: Path) -> None:
    """The applied one is the last; an earlier one still gives its own functions."""
    put_on_shelf(FIRST, EARLY, tmp_path)
    put_on_shelf(SECOND, LATE, tmp_path)
    assert applied_plan(tmp_path) == SECOND
    assert shelved_hashes(tmp_path) == sorted([FIRST.hash, SECOND.hash])
    for made in (FIRST, SECOND):
        assert shelved_plan(tmp_path, made.hash) == made
        assert functions_of(made, tmp_path)["doubled"](4) == 8
    put_on_shelf(FIRST, EARLY, tmp_path)
    assert applied_plan(tmp_path) == FIRST


def test_what_a_plan_pins_is_not_to_be_changed(tmp_path: Path) -> None:
    """Other functions under its hash are refused."""
    put_on_shelf(FIRST, EARLY, tmp_path)
    (plan_folder(tmp_path, FIRST.hash) / "transforms.py").write_bytes(LATE)
    with pytest.raises(PlanMismatchError, match=FIRST.hash):
        functions_of(FIRST, tmp_path)


def test_a_repeated_apply_changes_nothing(tmp_path: Path) -> None:
    """Neither a file nor its age."""
    put_on_shelf(FIRST, EARLY, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    before = [path.stat().st_mtime_ns for path in files]
    put_on_shelf(FIRST, EARLY, tmp_path)
    assert [path.stat().st_mtime_ns for path in files] == before


def test_an_apply_does_not_change_what_serves(tmp_path: Path) -> None:
    """The first process that runs puts the applied plan in force; later ones follow, whatever is applied since."""
    put_on_shelf(FIRST, EARLY, tmp_path)
    assert (read_in_force(tmp_path), serving_plan(tmp_path)) == (None, FIRST)
    assert plans_in_force(tmp_path) == InForce(serving=FIRST.hash)
    put_on_shelf(SECOND, LATE, tmp_path)
    assert plans_in_force(tmp_path) == InForce(serving=FIRST.hash)
    assert serving_plan(tmp_path) == FIRST


def test_plans_in_force_are_those_that_somebody_runs() -> None:
    """Each once, the serving one first; the one before is not among them."""
    assert InForce(serving="b", arriving="c", kept=("a", "b"), previous="z").plans == ("b", "c", "a")


def test_a_plan_with_views_of_its_own_is_fed(tmp_path: Path) -> None:
    """A kept plan whose views the serving one has is fed by that one's workers; one that arrives has its own."""
    put_on_shelf(FIRST, EARLY, tmp_path)
    put_on_shelf(SECOND, LATE, tmp_path)
    assert fed_plans(tmp_path, InForce(serving=SECOND.hash, kept=(FIRST.hash,))) == [SECOND.hash]
    assert fed_plans(tmp_path, InForce(serving=FIRST.hash, kept=(SECOND.hash,))) == [FIRST.hash, SECOND.hash]
    assert fed_plans(tmp_path, InForce(serving=SECOND.hash, arriving=FIRST.hash)) == [SECOND.hash, FIRST.hash]


def test_live_plans_are_those_in_force_and_the_applied_one(tmp_path: Path) -> None:
    """Each once, the serving one first; and of their views each declaration once."""
    put_on_shelf(FIRST, EARLY, tmp_path)
    assert live_plans(tmp_path) == [FIRST]
    put_in_force(tmp_path, InForce(serving=FIRST.hash))
    put_on_shelf(SECOND, LATE, tmp_path)
    assert live_plans(tmp_path) == [FIRST, SECOND]
    put_in_force(tmp_path, InForce(serving=SECOND.hash, kept=(FIRST.hash,)))
    assert live_plans(tmp_path) == [SECOND, FIRST]
    assert list(each_view([FIRST, SECOND])) == [(FIRST, FIRST.views[0]), (SECOND, SECOND.views[1])]


def test_a_plan_that_was_never_applied_here_is_named(tmp_path: Path) -> None:
    """With what to do; a damaged word on what is in force is no absence of one."""
    with pytest.raises(DomainError, match=r"0000.*millstream apply"):
        shelved_plan(tmp_path, "0000")
    put_on_shelf(FIRST, EARLY, tmp_path)
    put_in_force(tmp_path, InForce(serving=FIRST.hash))
    (tmp_path / "plans" / "in_force.json").write_text("{")
    with pytest.raises(CorruptError, match=r"in_force\.json"):
        plans_in_force(tmp_path)
