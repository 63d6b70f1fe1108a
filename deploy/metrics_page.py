"""Figures read off a process' Prometheus page."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from math import inf, nan

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deploy.server_process import LOOPBACK

PAGE_S = 2.0


class MetricsPage:
    """One reading of one page."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name that carry these labels; 0 where there is none."""
        return sum(sample.value for sample in self._samples_of(name, labels))

    def quantile(self, name: str, share: float, **labels: str) -> float:
        """The value below which that share of a histogram lies, as far as its buckets tell; NaN where it is empty."""
        least, below = 0.0, 0.0
        for edge, count in sorted(self._buckets(name, labels).items()):
            wanted = share * self.value(f"{name}_count", **labels)
            if count >= wanted > 0:
                return edge if edge == inf else least + (edge - least) * (wanted - below) / (count - below)
            least, below = edge, count
        return nan

    def _buckets(self, name: str, labels: Mapping[str, str]) -> dict[float, float]:
        """Observations at or below each edge of a histogram."""
        counts: dict[float, float] = {}
        for sample in self._samples_of(f"{name}_bucket", labels):
            edge = float(sample.labels["le"])
            counts[edge] = counts.get(edge, 0.0) + sample.value
        return counts

    def labels(self, name: str, key: str, value: str, **labels: str) -> dict[str, str]:
        """Two labels of each sample of that name that carries these and is not 0, the one by the other."""
        return {s.labels[key]: s.labels[value] for s in self._samples_of(name, labels) if s.value}

    def _samples_of(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        for sample in self._samples:
            if sample.name == name and all(sample.labels.get(label) == wanted for label, wanted in labels.items()):
                yield sample


def read_metrics(port: int) -> MetricsPage | None:
    """What the process that listens there says of itself; None when it does not answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PAGE_S)
    try:
        connection.request("GET", "/metrics")
        return MetricsPage(connection.getresponse().read().decode())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
