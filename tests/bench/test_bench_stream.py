"""The worker's bench measures what it says; whether the bar is met is for a quiet machine to say."""

from __future__ import annotations

import pytest

from deploy.bench_stream import BAR, bench_alone


@pytest.mark.servers
@pytest.mark.slow
def test_a_small_run_gives_every_figure() -> None:
    """With broker, store, states and events of its own, which it stops and removes."""
    figures = bench_alone(n_events=3_000, n_events_plain=500, n_accounts=250)

    assert figures["events"] == 3_000
    assert figures["events_per_second"] > 0
    assert figures["plain_faust_events_per_second"] > 0
    assert figures["ratio"] == pytest.approx(
        figures["events_per_second"] / figures["plain_faust_events_per_second"], abs=0.02
    )
    assert figures["passed"] is (figures["events_per_second"] >= BAR)
    assert {"cores", "traffic", "machine"} <= figures.keys()
