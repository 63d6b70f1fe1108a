"""The challenger's outcome on the monitor's page."""

from __future__ import annotations

from pathlib import Path

import msgspec

from monitoring.challenger_result import ChallengerResult, save_challenger_result
from monitoring.metrics import MonitorMetrics


def test_the_monitor_shows_the_last_run_of_each_model(tmp_path: Path) -> None:
    """Nothing before the first run; then always what the last one found; a file that does not read is none."""
    registry = MonitorMetrics(tmp_path).registry
    loss = {"model": "churn", "figure": "log_loss"}
    assert registry.get_sample_value("millstream_challenger_prequential", loss) is None
    first = ChallengerResult(
        model="churn", ended_at_us=5_000_000, outcomes=700, scored=450, prequential={"log_loss": 0.5}
    )
    save_challenger_result(first, tmp_path)
    save_challenger_result(msgspec.structs.replace(first, model="fraud", prequential={}), tmp_path)
    save_challenger_result(msgspec.structs.replace(first, prequential={"log_loss": 0.4, "brier": 0.1}), tmp_path)
    (tmp_path / "challenger-third.json").write_text("{")
    assert registry.get_sample_value("millstream_challenger_prequential", loss) == 0.4
    for name, value in {"outcomes": 700, "scored": 450, "last_run_timestamp_seconds": 5.0}.items():
        for model in ("churn", "fraud"):
            assert registry.get_sample_value(f"millstream_challenger_{name}", {"model": model}) == value
    assert registry.get_sample_value("millstream_challenger_outcomes", {"model": "third"}) is None
