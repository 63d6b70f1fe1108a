"""Everything that the worker exports to Prometheus, under ``millstream_worker_``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from features.batch_histogram import BatchHistogram

PREFIX = "millstream_worker"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LATENESS_S = (0, 0.1, 1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800)
"""The first bucket holds what came in order."""
AHEAD_S = (0, 0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600)
"""The first bucket holds what was not ahead."""


class WorkerMetrics:
    """The worker's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        topic = ("topic",)
        partition = ("topic", "partition")
        self.events = self._counter("events", "Records read, of any kind.", topic)
        self.dead_letters = self._counter("dead_letters", "Records refused.", ("topic", "reason"))
        self.unannounced = self._counter("dead_letters_unannounced", "Dead letters that stand in the lake only.", topic)
        self.fenced = self._counter("fenced", "Events that a state held already.", ("view",))
        self.too_late = self._counter("too_late", "Events older than all windows of their entity.", ("view",))
        self.keyless = self._counter("keyless", "Events without a usable entity key.", ("view",))
        self.states_written = self._counter("states_written", "Compare-and-sets that held.", ("view",))
        self.conflicts = self._counter("conflicts", "Compare-and-sets that met another writer's state.", ("view",))
        self.states_read = self._counter("states_read", "States that were not in the cache.", ("view",))
        self.lake_rows = self._counter("lake_rows", "Rows made durable in the lake.", topic)
        self.restarts = self._counter("restarts", "Terms that ended in a failure, by who failed.", ("neighbour",))
        self.batch_seconds = self._histogram("batch_seconds", "From decode to confirmed states, per batch.", topic)
        self.flush_seconds = self._histogram("lake_flush_seconds", "Writing one lake file.", topic)
        self.freshness = self._histogram(
            "freshness_seconds", "From a batch's oldest Kafka timestamp to its confirmed states.", topic
        )
        self.applied = self._gauge("applied_offset", "Next offset whose states are not confirmed.", partition)
        self.committed = self._gauge("committed_offset", "Offset that a restart would read from.", partition)
        self.lag = self._gauge("lag_records", "Records at the broker whose states are not confirmed.", partition)
        self.watermark = self._gauge("watermark_timestamp_seconds", "Newest valid event time.", partition)
        self.watermark_lag = self._gauge(
            "watermark_lag_seconds", "How far it lies behind the newest Kafka timestamp; steady while idle.", partition
        )
        self.idle = self._gauge("idle", "1 while all that the broker holds is applied.", partition)
        self.lateness = BatchHistogram(
            f"{PREFIX}_lateness_seconds",
            "How far valid events lie behind the watermark of their partition when they come; 0 in order.",
            ("topic",),
            LATENESS_S,
            self.registry,
        )
        self.ahead = BatchHistogram(
            f"{PREFIX}_ahead_seconds",
            "How far valid events lie ahead of their Kafka timestamp: clock skew; 0 behind it.",
            ("topic",),
            AHEAD_S,
            self.registry,
        )
        self.cached = self._gauge("cached_states", "States in memory.", ("view",))
        self.cached_bytes = self._gauge("cached_bytes", "Memory that the cached states take.", ("view",))
        self.ready = Gauge(f"{PREFIX}_ready", "1 when every assigned partition is read.", registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...]) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, labels, registry=self.registry, buckets=SECONDS)
