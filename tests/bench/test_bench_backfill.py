"""The backfill's bench measures what it says, and refuses to be fast at wrong numbers."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.bench_backfill import MAX_SECONDS, bench_backfill, refuse_wrong, workloads
from features.backfill import ViewColumns


def test_a_small_run_gives_every_figure() -> None:
    """For both kinds of traffic, of which the slower counts."""
    figures = bench_backfill(n_events=2_000, n_observations=500, n_entities=50)

    assert (figures["events"], figures["observations"]) == (2_000, 500)
    assert set(figures["seconds_by_traffic"]) == {"zipf 1.1", "uniform"}
    assert figures["seconds"] == max(figures["seconds_by_traffic"].values())
    assert figures["passed"] is (figures["seconds"] < MAX_SECONDS)
    assert {"cores", "traffic", "machine"} <= figures.keys()


def test_wrong_numbers_are_refused() -> None:
    """Some observations are counted by hand."""
    ((_, workload), _) = workloads(200, 40, 5)
    wrong = ViewColumns({"count_None": np.full(40, 10**6)}, {}, np.zeros(40, np.int64))
    with pytest.raises(AssertionError, match="counted 1000000"):
        refuse_wrong(wrong, workload)
