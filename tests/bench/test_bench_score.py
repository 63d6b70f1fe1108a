"""The scorer's bench measures what it says; whether the bar is met is for a quiet machine to say."""

from __future__ import annotations

import pytest

from deploy.bench_score import MAX_RATIO, Timings, bench_alone


def test_figures_are_medians_of_what_was_timed() -> None:
    """Of all calls alone, and of the rounds with several in flight."""
    timings = Timings(alone_s=[0.001, 0.003, 0.002], per_second=[10.0, 1_000.0, 30.0])

    assert (timings.p50_ms, timings.throughput) == (2.0, 30.0)


@pytest.mark.servers
@pytest.mark.slow
def test_a_small_run_gives_every_figure() -> None:
    """With servers, data and a model of its own, which it stops and removes."""
    figures = bench_alone(n_entities=1_000, rounds=1)

    assert figures["ratio"] == pytest.approx(figures["score_p50_ms"] / figures["echo_p50_ms"], abs=0.01)
    assert figures["passed"] is (figures["ratio"] <= MAX_RATIO)
    assert figures["throughput"] > 0
    assert figures["echo_throughput"] > 0
    assert {"cores", "traffic", "machine"} <= figures.keys()
