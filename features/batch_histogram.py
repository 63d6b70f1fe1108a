"""A Prometheus histogram that takes a whole array at once: a call a value would cost as much as what it measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Key: TypeAlias = tuple[str, ...]


class BatchHistogram(Collector):
    """Counts in buckets, per value of the labels.

    Parameters
    ----------
    name, text
        Of the metric.
    labels
        Names of its labels.
    bounds
        Inclusive upper edges of the buckets; the last bucket has none.
    registry
        Where it is shown.

    """

    def __init__(
        self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._labels = tuple(labels)
        self._bounds = np.array(bounds, np.float64)
        self._lock = Lock()
        self._counts: dict[Key, npt.NDArray[np.int64]] = {}
        self._sums: dict[Key, float] = {}
        registry.register(self)

    def observe(self, key: Key, values: npt.NDArray[np.float64]) -> None:
        """Count these values under these labels."""
        n_buckets = len(self._bounds) + 1
        above = values[values > self._bounds[0]]  # of some metrics few
        counts = np.bincount(np.searchsorted(self._bounds, above), minlength=n_buckets)
        counts[0] += len(values) - len(above)
        with self._lock:  # Prometheus asks from another thread
            self._counts[key] = self._counts.get(key, np.zeros(n_buckets, np.int64)) + counts
            self._sums[key] = self._sums.get(key, 0.0) + float(values.sum())

    def collect(self) -> Iterator[Metric]:
        """One series for each value of the labels."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        edges = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        with self._lock:
            for key, counts in self._counts.items():
                buckets = list(zip(edges, np.cumsum(counts).tolist(), strict=True))
                family.add_metric(key, buckets, self._sums[key])
        yield family
