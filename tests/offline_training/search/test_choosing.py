"""From a training set to what is fitted: by the rows before the test rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.errors import DomainError
from features.head import Task
from features.model_file import ModelSpec, SearchSpec
from features.progress import no_progress
from offline_training.dataset import Dataset
from offline_training.fitting import fit
from offline_training.search.choosing import algorithms_of, choose
from offline_training.search.outcome import SearchReport
from tests.offline_training.test_fitting import DAY_US, _dataset, _quiet, _spec


def chosen(
    folder: Path, data: Dataset, spec: ModelSpec, **wanted: Any
) -> tuple[ModelSpec, SearchReport | None, list[str]]:
    """What a short search chooses, and what it says."""
    said = list[str]()
    asked = SearchSpec(**{"algorithms": ("lightgbm",), "trials": 5, "folds": 2} | wanted)
    found = choose(data, spec, asked, folder / "journal", say=said.append, progress=no_progress, processes=1)
    return *found, said


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Of model.onnx and its golden rows, search and all; another seed gives others."""
    data, fits = _dataset(), []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        (tmp_path / name).mkdir()
        spec, report, _ = chosen(tmp_path / name, data, _spec(seed=seed))
        assert report is not None
        assert spec.params == report.summary.best_params
        fits.append(fit(data, spec, _quiet))
    assert fits[0].exported.onnx == fits[1].exported.onnx != fits[2].exported.onnx
    assert fits[0].proof.golden.features.tobytes() == fits[1].proof.golden.features.tobytes()


def test_no_test_row_is_looked_at(tmp_path: Path) -> None:
    """Nor any whose label reaches into them: their labels may be what they will."""
    data = _dataset()
    altered = data.labels.copy()
    altered[data.at_us > 34 * DAY_US] = 1 - altered[data.at_us > 34 * DAY_US]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (first, report, _), (second, other, _) = (
        chosen(tmp_path / name, given, _spec()) for name, given in (("a", data), ("b", data._replace(labels=altered)))
    )
    assert first == second
    assert report is not None
    assert other is not None
    assert report.summary.best_score == other.summary.best_score


def test_it_is_no_worse_than_what_is_given(tmp_path: Path) -> None:
    """On the folds; and it says what it found."""
    _, report, said = chosen(tmp_path, _dataset(), _spec())
    assert report is not None
    assert report.summary.given_score is not None
    assert report.summary.best_score <= report.summary.given_score
    assert report.trials[0].params == _spec().params
    assert said[0] == "searching lightgbm by log_loss over 2 folds"
    assert said[1] == report.summary.line()


def test_too_short_a_history_keeps_what_is_given(tmp_path: Path) -> None:
    """No fold, no search; the training goes on and says so."""
    spec, report, said = chosen(tmp_path, _dataset(n_days=9), _spec())
    assert (spec, report) == (_spec(), None)
    assert "no search" in said[0]
    spec, report, said = chosen(tmp_path, _dataset(), _spec(), time_budget_minutes=1e-9)
    assert (spec, report) == (_spec(), None)
    assert "over before its first trial" in said[1]


def test_what_cannot_learn_the_task_is_refused(tmp_path: Path) -> None:
    """By name, before anything is fitted."""
    with pytest.raises(DomainError, match="astrology cannot learn a binary model"):
        chosen(tmp_path, _dataset(), _spec(), algorithms=("astrology",))
    with pytest.raises(DomainError, match=r"search\.metric: 'charm' is none of a binary model"):
        chosen(tmp_path, _dataset(), _spec(), metric="charm")


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_classes_and_values_are_searched_too(tmp_path: Path, task: Task) -> None:
    """By every algorithm that can do the task, weighted where there are classes."""
    data = _dataset()
    change: dict[str, Any] = {"task": task, "decision": None, "params": {}}
    if task == "multiclass":
        data = data._replace(labels=data.labels + (data.rows[:, 1] > 0))
        change |= {"classes": ("low", "middle", "high"), "class_weights": "balanced"}
    else:
        data = data._replace(labels=data.labels * 3 + data.at_us / DAY_US / 100)
    algorithms = algorithms_of(task)
    spec, report, _ = chosen(tmp_path, data, _spec(**change), algorithms=algorithms, trials=len(algorithms) + 1)
    assert report is not None
    assert report.summary.metric == {"multiclass": "log_loss", "regression": "rmse"}[task]
    assert {trial.algorithm for trial in report.trials} == set(algorithms)
    assert spec.algorithm in algorithms
    assert report.summary.best_score == min(trial.validation_score or float("inf") for trial in report.trials)
