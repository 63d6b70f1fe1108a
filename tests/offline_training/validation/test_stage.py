"""Validation as a stage: the report is there before the training ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from features.errors import DomainError, RequestError
from features.lake import open_site_lake
from offline_training.dataset import Dataset
from offline_training.training_set import training_set
from offline_training.validation import quality_part, require_valid, write_inferred
from offline_training.validation.report import FACTS, PAGE
from offline_training.validation.suite_file import read_suite
from tests.offline_training.small_domain import SmallDomain, small_domain
from tests.offline_training.validation.training_sets import with_feature

SUITE_FILE = "ml_data_quality_suite.yaml"


def set_of(small: SmallDomain) -> Dataset:
    """The training set of the small domain."""
    return training_set(small.settings, small.plan, small.domain, "standstill", knowledge="as_true")


def validated(small: SmallDomain, data: Dataset, reports: Path) -> Any:
    """As the training calls it."""
    return require_valid(
        small.plan, small.domain, "standstill", data, open_site_lake(small.settings, "machines"), reports
    )


def test_a_set_that_fails_ends_the_training_once_the_report_is_written(tmp_path: Path) -> None:
    """The error names the check, the column, the page, and what to do; page and facts say the same."""
    small = small_domain(tmp_path)
    data = set_of(small)
    leaking = with_feature(data, "rhythm:outcome", data.labels)
    with pytest.raises(DomainError, match=r"leakage_target_copy: rhythm:outcome is a copy of the label") as raised:
        validated(small, leaking, tmp_path / "reports")
    page = tmp_path / "reports" / PAGE
    assert str(page) in str(raised.value)
    assert "validation.waivers" in raised.value.remedy
    assert "rhythm:outcome" in page.read_text()
    (finding,) = json.loads((tmp_path / "reports" / FACTS).read_bytes())["findings"]
    assert (finding["check"], finding["waived"]) == ("leakage_target_copy", None)


def test_a_waiver_lets_it_go_on_and_the_card_says_so(tmp_path: Path) -> None:
    """By name, with its reason, in the report and in the card."""
    waiver = {
        "check": "leakage_target_copy",
        "column": "rhythm:outcome",
        "reason": "the label <i>is</i> the input here",
    }
    small = small_domain(tmp_path, validation={"waivers": [waiver]})
    data = set_of(small)
    verdict = validated(small, with_feature(data, "rhythm:outcome", data.labels), tmp_path / "reports")
    assert verdict.line() == "training set held to ml_data_quality_suite as inferred from itself: passed, 1 waived"
    assert "Reason: the label <i>is</i> the input here" in quality_part(verdict)
    assert "the label &lt;i&gt;is&lt;/i&gt; the input here" in (tmp_path / "reports" / PAGE).read_text()


def test_a_waiver_without_a_reason_is_refused(tmp_path: Path) -> None:
    """Before anything is computed."""
    with pytest.raises(DomainError, match=r"waivers\[0\].reason: is empty"):
        small_domain(tmp_path, validation={"waivers": [{"check": "leakage_id", "reason": " "}]})


def test_a_suite_is_written_once_and_then_refreshed(tmp_path: Path) -> None:
    """A suite that people may have edited is replaced only when they say so, by the next version."""
    small = small_domain(tmp_path)
    data = set_of(small)
    first = write_inferred(small.domain, "standstill", data, refresh=False)
    assert (first.path, first.suite.version, first.changes) == (small.domain.repo / SUITE_FILE, 1, ())
    with pytest.raises(RequestError, match="is there already"):
        write_inferred(small.domain, "standstill", data, refresh=False)
    assert validated(small, data, tmp_path / "reports").suite_version == 1
    grown = with_feature(data, "rhythm:more", data.rows[:, 0] + 0.5)
    second = write_inferred(small.domain, "standstill", grown, refresh=True)
    assert read_suite(first.path, "standstill") == second.suite
    assert second.suite.version == 2
    assert any("rhythm:more" in change for change in second.changes)
    with pytest.raises(DomainError, match="required_columns: rhythm:more is missing"):
        validated(small, data, tmp_path / "reports")


def test_a_suite_that_is_named_and_not_there_lets_nothing_pass(tmp_path: Path) -> None:
    """A word misspelt would end the gate in silence; --infer writes it there, in a folder of its own."""
    small = small_domain(tmp_path, validation={"suite": "suites/standstill.yaml"})
    data = set_of(small)
    with pytest.raises(DomainError, match=r"suites/standstill\.yaml: is missing, and validation\.suite of model\.yaml"):
        validated(small, data, tmp_path / "reports")
    write_inferred(small.domain, "standstill", data, refresh=False)
    assert validated(small, data, tmp_path / "reports").suite_version == 1
