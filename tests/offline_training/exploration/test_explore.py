"""The exploration as a whole: pages and pictures of every kind of label, and what it recommends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from features.head import Task
from features.model_file import DecisionSpec, ModelSpec
from offline_training.dataset import Dataset
from offline_training.exploration import Explored, explore
from offline_training.exploration.explored import FACTS, PAGE, RANKING, TARGET
from offline_training.exploration.importance import METHODS
from tests.offline_training.validation.training_sets import honest_set, with_feature

PNG = b"\x89PNG\r\n\x1a\n"
SPEC = ModelSpec(
    service="s",
    horizon="1d",
    baseline_feature="v:strong",
    decision=DecisionSpec(positive="goes <b> $^$", negative="stays"),
    seed=3,
)


def spec_of(task: Task) -> Any:
    """A model of a task."""
    if task == "binary":
        return SPEC
    classes = ("low", "middle <b> $^$", "high") if task == "multiclass" else ()
    return msgspec.structs.replace(SPEC, task=task, classes=classes, decision=None)


def noisy(data: Dataset) -> Dataset:
    """The set with two features that say nothing, one that is null throughout and one that is constant."""
    random = np.random.default_rng(9)
    for number in range(2):
        data = with_feature(data, f"v:noise_{number}", random.normal(size=len(data.at_us)))
    data = with_feature(data, "v:never", np.full(len(data.at_us), np.nan))
    return with_feature(data, "v:constant", np.full(len(data.at_us), 3.0))


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def explored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Explored, Path]:
    """An exploration of each kind of label."""
    task: Task = request.param
    folder = tmp_path_factory.mktemp(task)
    return explore("churn", spec_of(task), noisy(honest_set(task)), folder / "reports"), folder / "reports"


def test_every_report_is_there(explored: tuple[Explored, Path]) -> None:
    """Two pictures and a page that holds all of its own; and the facts."""
    _, reports = explored
    assert sorted(path.name for path in reports.iterdir()) == sorted([PAGE, TARGET, RANKING, FACTS])
    assert (reports / TARGET).read_bytes().startswith(PNG)
    assert (reports / RANKING).read_bytes().startswith(PNG)
    page = (reports / PAGE).read_text()
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert page.count("data:image/png;base64,") >= 10
    assert not re.search(r"(goes|middle) <b>", page)


def test_the_page_has_every_part(explored: tuple[Explored, Path]) -> None:
    """Each that a reader may look for, by its heading."""
    page = (explored[1] / PAGE).read_text()
    parts = ("Label", "Importance", "Features", "Missing values", "Duplicates", "Correlations", "Scatter matrix",
             "Dimension reduction", "Time patterns", "Drift over time")  # fmt: skip
    assert [part for part in parts if f">{part}</h2>" not in page] == []


def test_the_feature_that_decides_comes_first_and_noise_last(explored: tuple[Explored, Path]) -> None:
    """Every method has its say, the mean rank puts them in order, and the constant is not recommended."""
    found, _ = explored
    assert found.ranking[0].feature == "v:strong"
    assert {ranked.feature for ranked in found.ranking[-2:]} == {"v:never", "v:constant"}
    assert all(set(ranked.values) == set(METHODS) for ranked in found.ranking)
    assert sum(ranked.share for ranked in found.ranking) == pytest.approx(1.0)
    assert "v:strong" in found.recommended
    assert not {"v:never", "v:constant"} & set(found.recommended)
    assert sum(ranked.share for ranked in found.ranking if ranked.feature in found.recommended) >= found.threshold
    assert found.score_of_recommended >= found.score_of_all - 0.05


def test_what_is_there_is_not_drawn_again(explored: tuple[Explored, Path]) -> None:
    """The same training started again reads the facts of before."""
    found, reports = explored
    before = {path.name: path.stat().st_mtime_ns for path in reports.iterdir()}
    task: Task = "binary"
    assert explore("churn", spec_of(task), honest_set(task), reports) == found
    assert {path.name: path.stat().st_mtime_ns for path in reports.iterdir()} == before


@pytest.mark.parametrize("n_rare", [1, 20])
def test_a_rare_class_of_many_is_explored_too(tmp_path: Path, n_rare: int) -> None:
    """Wherever its rows lie: all before the later part, or fewer than there are parts."""
    data = honest_set("multiclass")
    labels = np.random.default_rng(4).integers(0, 11, len(data.labels)).astype(np.float64)
    labels[80 : 80 + n_rare] = 11
    spec = msgspec.structs.replace(spec_of("multiclass"), classes=tuple(f"c{number}" for number in range(12)))
    found = explore("churn", spec, data._replace(labels=labels, names=data.names[:2], rows=data.rows[:, :2]), tmp_path)
    assert [len(one.values) for one in found.ranking] == [len(METHODS)] * 2


@pytest.mark.parametrize(("task", "n_rows"), [("binary", 1), ("binary", 12), ("regression", 2)])
def test_hardly_any_rows_are_left_to_who_says_what_is_missing(tmp_path: Path, task: Task, n_rows: int) -> None:
    """The split of the training refuses them in its own words; nothing fails before."""
    data = honest_set(task)
    labels = data.labels[:n_rows].copy()
    labels[0] = 1.0 - labels[0]
    few = data._replace(labels=labels, rows=data.rows[:n_rows], at_us=np.arange(n_rows) * 86_400_000_000)
    assert explore("churn", spec_of(task), few, tmp_path).rows == n_rows


def test_facts_that_were_cut_short_are_found_again(tmp_path: Path) -> None:
    """A power cut while they were written does not end every training of the same run."""
    data = honest_set()
    (tmp_path / FACTS).write_text('{"model": "chu')
    found = explore("churn", SPEC, data._replace(names=data.names[:1], rows=data.rows[:, :1]), tmp_path)
    assert msgspec.json.decode((tmp_path / FACTS).read_bytes(), type=Explored) == found


def test_labels_of_the_test_period_are_not_looked_at(tmp_path: Path) -> None:
    """The ranking is the same whatever the labels of the tested rows are."""
    whole = honest_set()
    data = whole._replace(names=whole.names[:2], rows=whole.rows[:, :2])
    altered = data.labels.copy()
    last = data.at_us == data.at_us.max()
    altered[last] = 1 - altered[last]
    first = explore("churn", SPEC, data, tmp_path / "one")
    second = explore("churn", SPEC, data._replace(labels=altered), tmp_path / "other")
    assert first.ranking == second.ranking
    assert first.recommended == second.recommended


def test_a_small_history_with_one_feature_is_explored_too(tmp_path: Path) -> None:
    """Parts that need more than one feature, or more than one period, say so."""
    data = honest_set()
    one = data._replace(names=data.names[:1], rows=data.rows[:, :1], at_us=np.zeros(len(data.at_us), np.int64))
    explore("churn", SPEC, one, tmp_path / "reports")
    page = (tmp_path / "reports" / PAGE).read_text()
    assert "There is one feature only." in page
    assert "The history is too short to be cut into periods." in page


def test_a_rare_class_that_ended_early_is_explored_too(tmp_path: Path) -> None:
    """Among more classes than have a colour each, it is in none of the later rows."""
    data, names = honest_set("multiclass"), tuple("abcdefgh")
    labels = np.arange(len(data.at_us)) % 7.0
    labels[:2] = 7.0
    spec = msgspec.structs.replace(SPEC, task="multiclass", classes=names, decision=None)
    found = explore("churn", spec, data._replace(labels=labels), tmp_path / "reports")
    assert np.isfinite([ranked.mean_rank for ranked in found.ranking]).all()
    assert np.isfinite(found.score_of_all)


def test_facts_that_were_not_written_to_their_end_are_found_anew(tmp_path: Path) -> None:
    """By a process that was killed."""
    whole = honest_set()
    data = whole._replace(names=whole.names[:2], rows=whole.rows[:, :2])
    first = explore("churn", SPEC, data, tmp_path)
    (tmp_path / FACTS).write_bytes((tmp_path / FACTS).read_bytes()[:-20])
    assert explore("churn", SPEC, data, tmp_path).ranking == first.ranking
