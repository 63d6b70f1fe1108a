"""A Prometheus histogram that takes a whole array at once: a call an event would cost as much as folding it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class BatchHistogram(Collector):
    """Counts per topic in buckets; ``bounds`` are their inclusive upper edges, the last bucket has none."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self._bounds = np.array(bounds, np.float64)
        self._lock = Lock()
        self._counts: dict[str, npt.NDArray[np.int64]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, topic: str, values: npt.NDArray[np.float64]) -> None:
        """Count these values."""
        n_buckets = len(self._bounds) + 1
        above = values[values > self._bounds[0]]  # few: what is in order, and not ahead, is in the first bucket
        counts = np.bincount(np.searchsorted(self._bounds, above), minlength=n_buckets)
        counts[0] += len(values) - len(above)
        with self._lock:  # Prometheus asks from another thread
            self._counts[topic] = self._counts.get(topic, np.zeros(n_buckets, np.int64)) + counts
            self._sums[topic] = self._sums.get(topic, 0.0) + float(values.sum())

    def collect(self) -> Iterator[Metric]:
        """One series a topic."""
        family = HistogramMetricFamily(self._name, self._text, labels=("topic",))
        edges = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        with self._lock:
            for topic, counts in self._counts.items():
                buckets = list(zip(edges, np.cumsum(counts).tolist(), strict=True))
                family.add_metric([topic], buckets, self._sums[topic])
        yield family
