"""The gate as a whole: a suite inferred, edited, breached, waived."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from features.errors import DomainError
from features.head import Task
from features.model_file import Waiver
from offline_training.dataset import Dataset
from offline_training.training_table import LABEL
from offline_training.validation import Verdict, infer_suite
from offline_training.validation.finding import waive
from offline_training.validation.gate import findings_of, judged_set
from offline_training.validation.shares import repeated_share
from offline_training.validation.suite import Suite
from offline_training.validation.suite_file import changes, read_suite, write_suite
from tests.offline_training.validation.training_sets import honest_set, some_rows, with_feature, with_values

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


def suite_of(data: Dataset, task: Task = "binary") -> Suite:
    """What is inferred from a set."""
    return infer_suite("churn", task, data, judged_set("churn", task, data).frame, version=1)


def found(data: Dataset, suite: Suite, task: Task = "binary") -> list[tuple[str, str | None]]:
    """Checks that fail, and of which column."""
    findings = findings_of(judged_set("churn", task, data), suite, "suite.yaml", 0)
    return [(one.check, one.column) for one in findings]


@pytest.mark.parametrize("task", TASKS)
def test_a_set_passes_the_suite_that_is_inferred_from_it_and_so_does_the_next(task: Task) -> None:
    """Another draw of the same world breaks none of the bounds and shares."""
    data = honest_set(task)
    suite = suite_of(data, task)
    assert found(data, suite, task) == []
    assert found(honest_set(task, seed=1), suite, task) == []


def test_the_file_holds_the_suite(tmp_path: Path) -> None:
    """What is written is what is read; a column takes a line, so that a person sees what was changed."""
    data = honest_set()
    suite = suite_of(data)
    write_suite(tmp_path / "suite.yaml", suite)
    assert read_suite(tmp_path / "suite.yaml", "churn") == suite
    assert "  v:count: [0.0, " in (tmp_path / "suite.yaml").read_text()
    assert found(data, suite) == []


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    """Two models of one domain need two files."""
    write_suite(tmp_path / "suite.yaml", suite_of(honest_set()))
    with pytest.raises(DomainError, match=r"is of model churn, not fraud"):
        read_suite(tmp_path / "suite.yaml", "fraud")


def test_rows_of_no_entity_are_repeated_where_they_lack_the_same() -> None:
    """Null is a value like others: of half of the rows, each is there twice."""
    data = honest_set()._replace(keys={})
    again = some_rows(data, np.repeat(np.arange(480), 2))
    assert np.isnan(again.rows).any(axis=1).sum() > 200
    assert repeated_share(again) == 0.5
    assert found(again, suite_of(data)) == [("duplicates", None)]


@pytest.mark.parametrize("value", [5e-324, 1e-320, 1e307, 1.7976931348623157e308])
def test_numbers_at_the_ends_of_a_double_have_bounds(value: float) -> None:
    """A largest number stands for none in many a table."""
    column = np.full(960, value)
    column[:480] = -value
    data = with_feature(honest_set(), "v:end", column)
    suite = suite_of(data)
    least, most = suite.numeric_bounds["v:end"]
    assert least is not None
    assert most is not None
    assert -np.inf < least <= -value < value <= most < np.inf
    assert found(data, suite) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [("suite: [", "is not YAML"), ("suite: my_suite", "Invalid enum value"), ("a: 1", "unknown field")],
)
def test_a_file_that_says_what_nobody_understands_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """With the file's name, and what to do."""
    (tmp_path / "suite.yaml").write_text(text)
    with pytest.raises(DomainError, match=problem):
        read_suite(tmp_path / "suite.yaml", "churn")


def without(data: Dataset) -> Dataset:
    """The set without its first feature."""
    return data._replace(names=data.names[1:], rows=data.rows[:, 1:])


def twice(data: Dataset) -> Dataset:
    """The set with its tenth observation twice."""
    return some_rows(data, np.insert(np.arange(len(data.at_us)), 10, 10))


def spiked(data: Dataset) -> Any:
    """Values of a feature, a tenth of them far out."""
    column = data.rows[:, 1].copy()
    column[::10] = 105.0
    return column


@pytest.mark.parametrize(
    ("broken", "check", "column"),
    [
        (without, "required_columns", "v:strong"),
        (lambda data: with_values(data, "v:count", data.rows[:, 4] * 100), "numeric_bounds", "v:count"),
        (
            lambda data: with_values(data, "v:weak", np.where(data.rows[:, 1] > 20, np.inf, 1)),
            "numeric_bounds",
            "v:weak",
        ),
        (lambda data: with_values(data, "v:nulls", np.where(data.rows[:, 2] < 5, 5, np.nan)), "nulls", "v:nulls"),
        (twice, "duplicates", None),
        (lambda data: with_values(data, "v:weak", spiked(data)), "outliers", "v:weak"),
        (
            lambda data: some_rows(data, np.flatnonzero((data.labels == 0) | (np.arange(960) < 30))),
            "class_balance",
            None,
        ),
        (lambda data: with_feature(data, "v:id", np.arange(len(data.at_us))), "leakage_id", "v:id"),
        (lambda data: with_feature(data, "v:copy", 1 - data.labels), "leakage_target_copy", "v:copy"),
    ],
)
def test_what_is_wrong_with_a_set_is_found(broken: Any, check: str, column: str | None) -> None:
    """Each check, by the set that breaks it."""
    data = honest_set()
    assert (check, column) in found(broken(data), suite_of(data))


def test_a_person_s_edits_count(tmp_path: Path) -> None:
    """A tighter bound, and any check that pandera knows, put into the file by hand."""
    data, path = honest_set(), tmp_path / "suite.yaml"
    write_suite(path, suite_of(data))
    edited = yaml.safe_load(path.read_text())
    edited["numeric_bounds"]["v:count"] = [None, 2.0]
    edited["schema"]["columns"]["v:strong"]["checks"] = {"notin": [float(data.rows[7, 0])]}
    edited["schema"]["columns"][LABEL]["dtype"] = "int64"
    path.write_text(yaml.safe_dump(edited))
    suite = read_suite(path, "churn")
    assert suite is not None
    assert sorted(found(data, suite)) == [("numeric_bounds", "v:count"), ("schema", "label"), ("schema", "v:strong")]


def test_a_schema_that_pandera_cannot_read_is_refused() -> None:
    """With pandera's own words."""
    data = honest_set()
    suite = msgspec.structs.replace(suite_of(data), schema={"columns": {"v:strong": {"dtype": "no such type"}}})
    with pytest.raises(DomainError, match="schema: is nothing that pandera reads"):
        found(data, suite)


def test_changes_name_what_moved() -> None:
    """A refreshed suite is told by what is another in it."""
    data = honest_set()
    wider = with_values(data, "v:count", data.rows[:, 4] * 3)
    assert list(changes(suite_of(data), suite_of(data))) == []
    assert [line.partition(":")[0] for line in changes(suite_of(data), suite_of(wider))] == ["numeric_bounds.v"]


def verdict(findings: Sequence[Any], waivers: Sequence[Waiver]) -> Verdict:
    """What comes of findings and waivers."""
    at = yaml.safe_load("2024-01-01T00:00:00Z")
    judged, unneeded = waive(findings, waivers)
    return Verdict(
        model="churn", suite_file=None, suite_version=0, rows=1, columns=1, first_at=at, last_at=at, findings=judged,
        notes=(), passed_over={}, unneeded_waivers=unneeded,
    )  # fmt: skip


def test_a_waiver_holds_for_its_check_and_column_alone() -> None:
    """Another column fails as before; a waiver that nothing needed is told."""
    data = honest_set()
    leaking = with_feature(with_feature(data, "v:id", np.arange(960)), "v:copy", data.labels)
    findings = list(findings_of(judged_set("churn", "binary", leaking), suite_of(leaking), "suite.yaml", 0))
    waivers = [
        Waiver(check="leakage_id", column="v:id", reason="numbers of a year's round"),
        Waiver(check="leakage_target_copy", column="v:other", reason="not there"),
    ]
    judged = verdict(findings, waivers)
    assert [(one.check, one.column) for one in judged.failures] == [("leakage_target_copy", "v:copy")]
    assert [one.waived for one in judged.waived] == ["numbers of a year's round"]
    assert judged.unneeded_waivers == (waivers[1],)
    assert not judged.passed
    assert verdict(findings, [*waivers, Waiver(check="leakage_target_copy", reason="a test")]).passed
