"""The backfill's bench measures what it says, and refuses to be fast at wrong numbers."""

from __future__ import annotations

import pytest

from deploy.bench_backfill import BARS, VIEWS, measure, refuse_wrong, workloads, worst_of


def test_a_small_run_gives_every_figure() -> None:
    """Time and memory of the whole, and what a row of each part costs, from real files in processes of their own."""
    (_, workload), _ = workloads(4_000, 800, 50)
    figures = measure(workload)

    assert list(figures["us_per_row"]) == ["400", "1000", "4000"]
    assert figures["growth"] == pytest.approx(figures["us_per_row"]["4000"] / figures["us_per_row"]["400"], abs=0.02)
    assert 0 < figures["read_seconds"] < figures["seconds"]
    assert figures["peak_mib"] > 50
    assert len(figures["other_plans"]) == len(VIEWS) - 1


@pytest.mark.parametrize("missed", [None, *BARS])
def test_the_worse_traffic_counts(missed: str | None) -> None:
    """Each bar by itself is one to pass."""
    below = {name: bar * 0.9 for name, bar in BARS.items()}
    above = {name: bar * (1.1 if name == missed else 0.5) for name, bar in BARS.items()}
    worst = worst_of({"zipf": above, "uniform": below})
    assert worst == {**below, **({} if missed is None else {missed: above[missed]}), "passed": missed is None}


def test_wrong_numbers_are_refused() -> None:
    """Some observations are counted by hand."""
    ((_, workload), _) = workloads(200, 40, 5)
    with pytest.raises(AssertionError, match="counted 1000000"):
        refuse_wrong([10**6] * 20, workload)
