"""The bench of swaps measures what it says; whether the bar is met is for a quiet machine to say."""

from __future__ import annotations

import pytest

from deploy.bench_swaps import bench_swaps

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_no_call_notices_a_swap_or_a_change_of_routing() -> None:
    """None fails, and each answer is one version's, bit for bit; time and memory are measured too."""
    figures = bench_swaps(swaps=10, blocks=1, trees=20)

    assert (figures["swaps"], figures["routing_changes"]) == (10, 1)
    assert (figures["failed"], figures["mixed"]) == (0, 0)
    assert figures["calls"] > 100
    assert figures["p99_ratio"] > 0
    assert {"rss_slope_kb_per_swap", "swap_seen_ms", "cores", "traffic", "machine"} <= figures.keys()
