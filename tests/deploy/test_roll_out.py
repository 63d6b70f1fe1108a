"""What a roll-out refuses, and how it tells what it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.champions import read_champions
from deploy.only_one import only_one
from deploy.roll_out import RolledOut
from features.errors import UnavailableError
from grpc_api.pointer import models_dir
from tests.grpc_api.shop import PLAN, publish


def test_one_roll_out_at_a_time(tmp_path: Path) -> None:
    """A second one, or a backfill, is told to wait; the next one may begin once the first has ended."""
    with only_one(tmp_path), pytest.raises(UnavailableError, match="under way"), only_one(tmp_path):
        pytest.fail("two at a time")
    with only_one(tmp_path):
        assert (tmp_path / "plans" / "births.lock").exists()


def test_it_is_said_who_keeps_a_plan(tmp_path: Path) -> None:
    """By name and version, and what to do about it."""
    publish(models_dir(tmp_path), "7")
    done = RolledOut(
        plan=PLAN,
        previous="0ld",
        served=["spend"],
        kept={"0ld": read_champions(tmp_path)},
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
