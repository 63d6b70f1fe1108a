"""The store's bench measures what it says, on fewer entities."""

from __future__ import annotations

import pytest

from deploy.bench_store import BATCH_ENTITIES, EVENTS_EACH, batches, bench_store


def test_every_entity_has_its_events_in_one_batch() -> None:
    """In time order, one offset each, a partition's offsets without a gap."""
    seen: dict[tuple[str, int], list[int]] = {}
    names: list[str] = []
    for events in batches(2 * BATCH_ENTITIES + 10):
        assert list(events.event_us) == sorted(events.event_us)
        seen.setdefault(events.partition, []).extend(events.offsets)
        rows = [row[0] for row in events.rows if row is not None]
        assert len(rows) == EVENTS_EACH * len(set(rows))
        names += sorted(set(rows))
    assert len(names) == len(set(names)) == 2 * BATCH_ENTITIES + 10
    assert all(offsets == list(range(len(offsets))) for offsets in seen.values())


@pytest.mark.servers
def test_a_small_run_gives_every_figure() -> None:
    """All entities in the store, some of them in the worker's cache, each with the bytes that it takes."""
    figures = bench_store(n_entities=5_000)
    assert figures["passed"]
    assert figures["entities"] == 5_000
    assert 100 < figures["worker_cached_entities"] < 4_000
    assert 0.9 < figures["worker_cache_bytes_counted"] / figures["worker_cache_bytes"] <= 1
    assert figures["store_bytes_per_entity"] > figures["state_bytes"] > 100
    assert figures["entities_per_second"] > 0
    assert {
        "cores",
        "traffic",
        "machine",
        "worker_bytes_per_cached_entity",
        "worker_grown_after_full_mb",
    } <= figures.keys()
