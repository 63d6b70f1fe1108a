"""The challenger's fold: the same bits from the same outcomes, whatever was kept, killed or changed on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.head import Task
from offline_training.learners import Sample
from offline_training.online.checkpoints import EVERY, Checkpoints
from offline_training.online.learned import LearnedOnline
from offline_training.online.learner import NAMES, OnlineLearner
from offline_training.proof import prove
from tests.offline_training.learners.tasks import task_rows
from tests.waiting import wait_until

FEATURES = tuple(f"work:f{place}" for place in range(6))
PARAMS = {"learning_rate": 0.02, "l2": 0.0001}
TASKS: tuple[Any, ...] = tuple(NAMES)


def learner(path: Path, task: Any = "binary") -> OnlineLearner:
    """One that keeps what it knows in a folder."""
    return OnlineLearner(task, FEATURES, Checkpoints(path / "checkpoints.jsonl"))


def fold(one: OnlineLearner, rows: np.ndarray, labels: np.ndarray, params: Any = None) -> LearnedOnline:
    """Take in all rows."""
    return one.fit(Sample(rows, labels, "binary", 2), params or PARAMS, seed=0)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_served_is_rivers_own(tmp_path: Path, task: Task) -> None:
    """ONNX Runtime within the bound of River, on real rows and probes; it has learned what there was to learn."""
    rows, labels = task_rows()
    model = fold(learner(tmp_path, task), rows, labels[task])
    exported = model.export()
    proof = prove(exported, model.raw, rows)
    assert proof.max_abs_diff <= exported.max_abs_diff == 1e-9
    assert proof.n_rows >= 10_000
    assert exported.explanation is not None
    assert exported.columns_of is not None
    columns = np.array([exported.columns_of(row) for row in rows])
    assert np.abs(columns.mean(axis=0)[model.linear.layers[0].weights[:, 0] != 0]).max() < 0.02
    assert np.corrcoef(model.raw(rows)[:, 0], labels[task])[0, 1] > 0.6
    assert np.abs(model.raw(rows) - model.linear.raw(rows)).max() < 1e-9 * max(1.0, np.abs(labels[task]).max())


@pytest.mark.parametrize("task", TASKS)
def test_any_stops_on_the_way_give_the_same_bits(tmp_path: Path, task: Task) -> None:
    """Folded at once, or in runs that each begin anew from what is on disk."""
    rows, labels = task_rows()
    (tmp_path / "whole").mkdir()
    whole = fold(learner(tmp_path / "whole", task), rows, labels[task])
    for end in (7, EVERY, 2 * EVERY + 13, len(rows)):
        one = learner(tmp_path, task)
        piece = fold(one, rows[:end], labels[task][:end])
    assert one.resumed == 2 * EVERY
    assert piece.state == whole.state
    assert piece.export().onnx == whole.export().onnx
    kept = (tmp_path / "checkpoints.jsonl").read_bytes()
    assert kept == (tmp_path / "whole" / "checkpoints.jsonl").read_bytes()


KILLED = """
import sys
from pathlib import Path
from tests.offline_training.online.test_learner import fold, learner
from tests.offline_training.learners.tasks import task_rows
rows, labels = task_rows(20_000)
fold(learner(Path(sys.argv[1])), rows, labels["binary"])
"""


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Killed while it learns; what comes of going on is what comes of never having been killed."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[3])
    file = tmp_path / "checkpoints.jsonl"
    wait_until(lambda: file.exists() and file.read_bytes().count(b"\n") >= 3, deadline_s=60.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_kept = file.read_bytes().count(b"\n")
    rows, labels = task_rows(20_000)
    n = (n_kept + 1) * EVERY + 10
    one = learner(tmp_path)
    resumed = fold(one, rows[:n], labels["binary"][:n])
    (tmp_path / "other").mkdir()
    assert one.resumed == n_kept * EVERY
    assert resumed.state == fold(learner(tmp_path / "other"), rows[:n], labels["binary"][:n]).state


def test_a_line_that_was_cut_short_is_no_checkpoint(tmp_path: Path) -> None:
    """It goes on from the line before, and the file is whole again."""
    rows, labels = task_rows()
    fold(learner(tmp_path), rows, labels["binary"])
    file = tmp_path / "checkpoints.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.rindex(b'"digest"')])
    one = learner(tmp_path)
    fold(one, rows, labels["binary"])
    assert one.resumed == len(rows) // EVERY * EVERY - EVERY
    assert file.read_bytes() == whole


def test_it_forgets_what_it_learned_of_other_outcomes(tmp_path: Path) -> None:
    """An outcome that changed, a feature of another name, another rate: nothing that comes after it is gone on from."""
    rows, labels = task_rows()
    fold(learner(tmp_path), rows, labels["binary"])
    changed = labels["binary"].copy()
    changed[EVERY + 1] = 1.0 - changed[EVERY + 1]
    one = learner(tmp_path)
    found = fold(one, rows, changed)
    assert one.resumed == EVERY
    (tmp_path / "other").mkdir()
    assert found.state == fold(learner(tmp_path / "other"), rows, changed).state
    fold(one, rows, changed, {"learning_rate": 0.05, "l2": 0.0})
    assert one.resumed == 0
    renamed = OnlineLearner("binary", (*FEATURES[:-1], "work:other"), Checkpoints(tmp_path / "checkpoints.jsonl"))
    fold(renamed, rows, changed, {"learning_rate": 0.05, "l2": 0.0})
    assert renamed.resumed == 0


def test_a_shorter_history_keeps_what_is_known_of_the_longer(tmp_path: Path) -> None:
    """As where the model is tested on later rows before it is fitted to all."""
    rows, labels = task_rows()
    fold(learner(tmp_path), rows, labels["binary"])
    kept = (tmp_path / "checkpoints.jsonl").read_bytes()
    one = learner(tmp_path)
    fold(one, rows[: EVERY + 3], labels["binary"][: EVERY + 3])
    assert one.resumed == EVERY
    assert (tmp_path / "checkpoints.jsonl").read_bytes() == kept
    assert [model.state.steps for model in one.after_each(rows, labels["binary"], PARAMS)] == [
        EVERY * number for number in range(1, len(rows) // EVERY + 1)
    ]
