"""Reports: what they say, how they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from features.clock import FrozenClock
from features.settings import MonitorSettings
from monitoring.drift_report import Alarm, DriftReport, Kind, Span
from monitoring.html_report import save_page
from monitoring.reference import Reference
from monitoring.reference_shelf import ReferenceShelf
from monitoring.report_desk import REPORT_EVERY_US, ReportDesk
from monitoring.watches import Watches
from tests.monitoring.scores import NAMES, draw, messages, write_bundle

SPAN = Span(index=0, rows=2_000, seen=2_000, first_as_of_us=0, last_as_of_us=1)


def alarm(feature: str, kind: Kind, effect_size: float) -> Alarm:
    """An alarm of which only these matter."""
    return Alarm(
        model="churn", version="1", feature=feature, kind=kind, effect_size=effect_size, statistic=effect_size,
        p_value=None, mean_shift=None, window=SPAN,
    )  # fmt: skip


def test_the_short_account_names_each_feature_once() -> None:
    """By its distribution where that alarmed, strongest first."""
    alarms = (
        alarm("v:a", "mean", 3.0), alarm("v:a", "distribution", 0.2),
        alarm("v:b", "nulls", 0.5), alarm("v:b", "spread", 0.6),
    )  # fmt: skip
    report = DriftReport(written_at_us=0, records=1, skipped={}, watched=2, windows=1, alarms=alarms)
    assert [(a.feature, a.effect_size) for a in report.strongest()] == [("v:b", 0.6), ("v:a", 0.2)]


class Pages:
    """Takes the place of Evidently."""

    def __init__(self) -> None:
        self.saved: list[str] = []

    def __call__(self, path: Path, *, reference: Reference, rows: np.ndarray[Any, Any]) -> None:
        """Note the page."""
        self.saved.append(path.name)


@pytest.fixture
def clock() -> FrozenClock:
    """Processing time stands still."""
    return FrozenClock(10_000_000_000)


@pytest.fixture
def watches(tmp_path: Path, clock: FrozenClock) -> Watches:
    """Over one model that was trained on `draw`."""
    write_bundle(tmp_path / "models", draw(np.random.default_rng(0), 5_000))
    return Watches(references=ReferenceShelf(tmp_path / "models"), settings=MonitorSettings(), clock=clock)


def test_the_report_on_disk_is_the_report(tmp_path: Path, watches: Watches, clock: FrozenClock) -> None:
    """Counts, alarms and pages; anyone can read the JSON back."""
    pages = Pages()
    desk = ReportDesk(tmp_path / "reports", watches=watches, clock=clock, save_page=pages)
    rows = draw(np.random.default_rng(1), 2_000)
    rows[:, 0] += 2.5
    list(watches.take(messages(rows)))
    for judged in watches.flush():
        desk.add(judged)
    report = desk.write()
    read = msgspec.json.decode((tmp_path / "reports" / "drift.json").read_bytes(), type=DriftReport)
    assert read == report
    assert (read.records, read.watched, read.windows, read.written_at_us) == (2_000, len(NAMES), 1, clock.at_us)
    assert [a.feature for a in read.strongest()] == ["v:normal"]
    assert read.strongest()[0].window.rows == 2_000
    assert pages.saved == ["drift-churn-1.html"]
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["drift.json"]


def test_a_report_is_due_at_most_once_a_minute(tmp_path: Path, watches: Watches, clock: FrozenClock) -> None:
    """And only when there is something to tell."""
    pages = Pages()
    desk = ReportDesk(tmp_path, watches=watches, clock=clock, save_page=pages)
    assert not desk.due
    due = []
    for seed in (1, 2):
        list(watches.take(messages(draw(np.random.default_rng(seed), 2_000))))
        for judged in watches.flush():
            desk.add(judged)
        due.append(desk.due)
        if desk.due:
            desk.write()
    assert due == [True, False]
    clock.at_us += REPORT_EVERY_US
    assert desk.due


def test_an_alarm_stays_in_the_report_until_its_version_is_forgotten(
    tmp_path: Path, watches: Watches, clock: FrozenClock
) -> None:
    """A quiet window after a loud one does not hide it."""
    desk = ReportDesk(tmp_path, watches=watches, clock=clock, save_page=Pages())
    for seed, shift in ((1, 2.5), (2, 0.0)):
        rows = draw(np.random.default_rng(seed), 2_000)
        rows[:, 0] += shift
        list(watches.take(messages(rows)))
        for judged in watches.flush():
            desk.add(judged)
    assert {a.feature for a in desk.write().alarms} == {"v:normal"}
    desk.forget("churn", "1")
    report = desk.write()
    assert (report.alarms, report.pages) == ((), ())


def test_evidently_draws_any_window(tmp_path: Path) -> None:
    """Constant columns, columns that are all null on one side or both: the page is written, whole, in one move."""
    rng = np.random.default_rng(0)
    reference, window = draw(rng, 1_000), draw(rng, 500)
    reference[:, 2] = np.nan
    window[:, 2] = np.nan
    window[:, 3] = np.nan
    page = tmp_path / "reports" / "drift.html"
    save_page(page, reference=Reference(NAMES, reference), rows=window)
    text = page.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>")
    assert "v:normal" in text
    assert [path.name for path in page.parent.iterdir()] == ["drift.html"]
