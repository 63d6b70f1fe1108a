"""The stream's bench measures what it says: full tiles, and traffic that is as skewed as Zipf."""

from __future__ import annotations

import numpy as np

from deploy import bench_stream_traffic as traffic
from features.kernels import open_kernel


def test_every_window_is_full_when_the_events_begin() -> None:
    """Each ring holds a tile for every hop of its window."""
    kernel = open_kernel(traffic.VIEW, traffic.SOURCE)
    encoded, fields = next(traffic._templates(kernel, 1_790_000_000_000_000))
    rings = kernel.decode(encoded).rings
    hops = sorted((hop, length) for length, hop in traffic.WINDOWS_US.values())
    assert len(rings) == len(hops) == 3
    for ring, (hop, length) in zip(rings, hops, strict=True):
        assert len(ring.tiles) >= length // hop
    assert len(fields) == 2 * (12 + 1)


def test_few_have_many_events_and_many_have_few() -> None:
    """Zipf with exponent 1.1: the first of 100,000 has about a seventh of all."""
    numbers = traffic.zipf_accounts(50_000, 100_000, np.random.default_rng(1))
    _, counts = np.unique(numbers, return_counts=True)
    assert 0.1 < counts.max() / 50_000 < 0.2
    assert (counts == 1).mean() > 0.5
