"""What labels.sql supplies is asked again of a lake that ends at the observation."""

from __future__ import annotations

from pathlib import Path

from features.lake import open_site_lake
from features.settings import Settings
from offline_training.training_set import training_set
from offline_training.validation import Verdict, validate
from tests.offline_training.small_domain import LABELS, SmallDomain, small_domain

JOBS_SOON = """
(SELECT count(*) FROM jobs j WHERE j.machine = m.machine AND j.ended_at >= seen_at
  AND j.ended_at < seen_at + INTERVAL 3 DAY)::DOUBLE AS shift,
"""
JOBS_LATELY = JOBS_SOON.replace(">= seen_at", "< seen_at").replace(
    "< seen_at + INTERVAL 3 DAY", ">= seen_at - INTERVAL 3 DAY"
)
SHIFT = "1.0 * (day % 3) AS shift,"


def judged(folder: Path, labels: str) -> Verdict:
    """The verdict on the training set of the small domain with other labels."""
    small = small_domain(folder, labels=labels)
    return verdict_on(small, small.settings)


def verdict_on(small: SmallDomain, settings: Settings) -> Verdict:
    """As a training asks for it."""
    data = training_set(settings, small.plan, small.domain, "standstill", knowledge="as_true")
    return validate(small.plan, small.domain, "standstill", data, open_site_lake(settings, "machines"))


def test_a_request_column_from_later_events_is_found(tmp_path: Path) -> None:
    """However weakly it predicts the label: by what it is made of, not by how well it does."""
    verdict = judged(tmp_path, LABELS.replace(SHIFT, JOBS_SOON))
    (found,) = verdict.failures
    assert (found.check, found.column) == ("leakage_future", "shift")
    assert "are others on a lake that ends then" in found.detail


def test_one_from_earlier_events_or_the_calendar_is_none(tmp_path: Path) -> None:
    """The same count over the days before, and the day's number."""
    (tmp_path / "lately").mkdir()
    (tmp_path / "shift").mkdir()
    assert judged(tmp_path / "lately", LABELS.replace(SHIFT, JOBS_LATELY)).failures == []
    assert judged(tmp_path / "shift", LABELS).failures == []


def test_observations_that_were_chosen_by_what_came_later_are_found(tmp_path: Path) -> None:
    """Machines that run again within thirty days: nobody could have asked for those at the time."""
    survivors = "WHERE EXISTS (FROM jobs j WHERE j.machine = m.machine AND j.ended_at > seen_at + INTERVAL 10 DAY) AND "
    (found,) = judged(tmp_path, LABELS.replace("WHERE first_at", survivors + "first_at")).failures
    assert (found.check, found.column) == ("leakage_future", None)
    assert "exist only by what happened later" in found.detail
