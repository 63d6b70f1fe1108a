"""The backfill's bench measures what it says, and refuses to be fast at wrong numbers."""

from __future__ import annotations

import pytest

from deploy.bench_backfill import (
    CORES,
    MAX_GROWTH,
    MAX_MIB,
    MAX_SECONDS,
    VIEWS,
    bench_backfill,
    refuse_wrong,
    workloads,
)


def test_a_small_run_gives_every_figure() -> None:
    """For both kinds of traffic, of which the slower counts, and for parts of it, whose rows cost alike."""
    figures = bench_backfill(n_events=4_000, n_observations=800, n_entities=50)

    assert (figures["events"], figures["observations"], figures["features"]) == (4_000, 800, 67)
    assert figures["cores"] == CORES
    assert set(figures["traffic"]) == {"zipf 1.1", "uniform"}
    for name in ("seconds", "peak_mib", "growth"):
        assert figures[name] == max(one[name] for one in figures["traffic"].values()) > 0
    for one in figures["traffic"].values():
        assert list(one["us_per_row"]) == [400, 1_000, 4_000]
        assert one["growth"] == pytest.approx(one["us_per_row"][4_000] / one["us_per_row"][400], abs=0.02)
        assert 0 < one["read_seconds"] < one["seconds"]
        assert len(one["other_plans"]) == len(VIEWS) - 1
    bars = (figures["seconds"] < MAX_SECONDS, figures["peak_mib"] < MAX_MIB, figures["growth"] < MAX_GROWTH)
    assert figures["passed"] is all(bars)
    assert {"plan", "machine"} <= figures.keys()


def test_wrong_numbers_are_refused() -> None:
    """Some observations are counted by hand."""
    ((_, workload), _) = workloads(200, 40, 5)
    with pytest.raises(AssertionError, match="counted 1000000"):
        refuse_wrong([10**6] * 20, workload)
