"""The bench of aggregates gives a cost of each kind for each function."""

from __future__ import annotations

from deploy.bench_aggregates import MAX_EVENT_NS, bench_aggregates
from features.aggregates import AGGREGATES


def test_a_small_run_gives_every_figure() -> None:
    """Tiles are as large as their parts: a number of 8 bytes, and 8 for each integer, 52 for an ordered value."""
    figures = bench_aggregates(n_entities=2, rounds=1)

    costs = {name: figures[name] for name in AGGREGATES}
    for cost in costs.values():
        assert set(cost) == {"event_ns", "finish_ns", "tile_bytes", "backfill_ns"}
        assert all(value > 0 for value in cost.values())
    tiles = {name: cost["tile_bytes"] for name, cost in costs.items()}
    assert (tiles["count"], tiles["mean"], tiles["ewma"], tiles["var"], tiles["last"]) == (16, 24, 24, 40, 60)
    assert 8 + 3 < tiles["median"] == tiles["p99"] <= 8 + 3 + 3 * 10
    assert figures["passed"] is all(cost["event_ns"] < MAX_EVENT_NS for cost in costs.values())
    assert {"traffic", "machine", "bar"} <= figures.keys()
