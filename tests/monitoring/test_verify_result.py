"""The verifier's outcome on the monitor's page."""

from __future__ import annotations

from pathlib import Path

from monitoring.metrics import MonitorMetrics
from monitoring.verify_result import FILE, VerifyResult, save_verify_result


def test_the_monitor_shows_the_last_run(tmp_path: Path) -> None:
    """Nothing before the first run; then always what the last one found."""
    registry = MonitorMetrics(tmp_path).registry
    assert registry.get_sample_value("millstream_verify_mismatched") is None
    for mismatched in (3, 0):
        result = VerifyResult(ended_at_us=5_000_000, checked=70_710, mismatched=mismatched, waiting=1, lake_faults=2)
        save_verify_result(result, tmp_path)
        assert registry.get_sample_value("millstream_verify_mismatched") == mismatched
    assert registry.get_sample_value("millstream_verify_checked") == 70_710
    assert registry.get_sample_value("millstream_verify_waiting") == 1
    assert registry.get_sample_value("millstream_verify_lake_faults") == 2
    assert registry.get_sample_value("millstream_verify_last_run_timestamp_seconds") == 5.0


def test_an_outcome_that_does_not_read_is_none(tmp_path: Path) -> None:
    """The page is served all the same."""
    (tmp_path / FILE).write_text("{")
    assert MonitorMetrics(tmp_path).registry.get_sample_value("millstream_verify_checked") is None
