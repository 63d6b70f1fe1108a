"""A short fault run gives every figure of a long one."""

from __future__ import annotations

import pytest

from deploy.bench_faults import EVENTS_A_MINUTE, bench_faults
from features.errors import RequestError

MINUTES = 0.05


@pytest.mark.kafka
@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_run_gives_every_figure() -> None:
    """Servers, workers and scorer of its own, one fault, and a verdict: nothing is wrong, and scores were verified."""
    told: list[str] = []
    figures = bench_faults(seed=3, minutes=MINUTES, note=told.append)
    assert figures["passed"], told
    assert figures["events"] == round(MINUTES * EVENTS_A_MINUTE)
    assert figures["faults"] == sum(figures["kinds"].values()) == 1
    wrong = ("lost", "doubled", "differing", "unaccounted_dead_letters", "mismatched")
    assert [figures[name] for name in wrong] == [0] * len(wrong)
    assert figures["verified"] > 0
    assert any("all is judged" in line for line in told)


def test_no_time_is_refused() -> None:
    """Rather than run for nothing."""
    with pytest.raises(RequestError, match="no time to run"):
        bench_faults(minutes=0)
