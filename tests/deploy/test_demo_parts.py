"""Parts of the demo that need no stack."""

from __future__ import annotations

import ast
import shlex
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format

from deploy.demo.asking import Row
from deploy.demo.calendar import slices
from deploy.demo.state import forget_demo_mark, make_room, mark_as_demo
from deploy.demo.story import next_steps
from deploy.demo.truth import roc_auc_either_way
from deploy.question import pair_up
from features.settings import Settings
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def day(number: int, hour: int = 0) -> datetime:
    return datetime(1998, 1, number, hour, tzinfo=UTC)


def test_days_follow_each_other_without_gap() -> None:
    """From the training to the day of the last event, and a cut at each instant that is asked about."""
    found = list(slices(day(1), [day(3), day(4, 12)], day(5, 3)))
    assert found[0][0] == day(1)
    assert [end for _, end, _ in found[:-1]] == [begin for begin, _, _ in found[1:]]
    assert found[-1][1] > day(5, 3)
    assert [end for _, end, ask in found if ask] == [day(3), day(4, 12)]


def test_instants_past_the_last_event_are_asked_about_too() -> None:
    """The days go on until the last question."""
    found = list(slices(day(1), [day(9)], day(2)))
    assert found[-1][1:] == (day(9), True)


def test_a_folder_that_a_user_used_is_moved_aside(tmp_path: Path) -> None:
    """Nothing of a user's is lost to a demo; what only a demo made is made anew."""
    state_dir = tmp_path / "churn"
    assert make_room(state_dir, NOW) is None
    mark_as_demo(state_dir)
    (state_dir / "lake").mkdir()
    assert make_room(state_dir, NOW) is None
    assert not state_dir.exists()
    mark_as_demo(state_dir)
    forget_demo_mark(state_dir)
    (state_dir / "mine").touch()
    aside = make_room(state_dir, NOW)
    assert aside == tmp_path / "churn.before-demo-20240506T070809"
    assert (aside / "mine").exists()
    assert not state_dir.exists()


def test_a_ranking_counts_in_the_direction_that_ranks() -> None:
    """One feature alone may rank upwards or downwards; nulls stand in the middle."""
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    assert roc_auc_either_way(labels, np.array([1.0, 2.0, 3.0, 4.0])) == 1.0
    assert roc_auc_either_way(labels, np.array([4.0, 3.0, 2.0, 1.0])) == 1.0
    assert roc_auc_either_way(labels, np.array([1.0, np.nan, np.nan, 4.0])) == pytest.approx(0.875)


STEPS = next_steps(
    settings=Settings(),
    repo=Path("domains/pumps"),
    row=Row({"pump_id": 7, "site": "it's"}, {"load": 0.5}),
    model="failure",
    pages=("var/pumps/reports/drift.html",),
)


def test_the_grpcurl_call_is_a_request_of_the_protocol() -> None:
    """Pasted into a shell, its argument is the JSON of a ScoreRequest that names the entity."""
    (line,) = [line for line in STEPS.splitlines() if "grpcurl" in line]
    words = shlex.split(line)
    assert words[-2:] == ["127.0.0.1:50051", "millstream.scoring.v1.Scoring/Score"]
    request = json_format.Parse(words[words.index("-d") + 1], pb.ScoreRequest())
    assert (request.model, request.entity["pump_id"].integer, request.entity["site"].text) == ("failure", 7, "it's")
    assert request.request["load"].number == 0.5


def test_the_commands_are_those_of_the_domain() -> None:
    """Each names the domain's folder, and the question can be read back."""
    lines = [line.strip() for line in STEPS.splitlines()]
    assert "make up REPO=domains/pumps" in lines
    (line,) = [line for line in lines if " score " in line]
    words = shlex.split(line)
    assert words[:4] == [".venv/bin/millstream", "--repo", "domains/pumps", "score"]
    assert dict(pair_up(words[4:])) == {"pump": "7", "site": "it's", "load": "0.5"}
    begin, end = lines.index(".venv/bin/python - <<'EOF'") + 1, lines.index("EOF")
    ast.parse(textwrap.dedent("\n".join(STEPS.splitlines()[begin:end])))
