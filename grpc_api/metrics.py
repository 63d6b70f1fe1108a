"""What the scorer tells Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from features.batch_histogram import BatchHistogram
from grpc_api.http2.door import Turned
from grpc_api.refusals import Doubt, Shedding

PREFIX: Final = "millstream_scorer"
# The client's default buckets begin at 5 ms, where this server's slowest calls lie.
SECONDS: Final = (
    0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
)  # fmt: skip
# Parts of a call take from some microseconds on.
STAGE_SECONDS: Final = (
    0.000005, 0.00001, 0.00002, 0.00003, 0.00005, 0.000075, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.00075, 0.001,
    0.002, 0.005, 0.01, 0.05, 0.25, 1.0,
)  # fmt: skip
AGE_SECONDS: Final = (0.05, 0.25, 1, 5, 30, 300, 3_600, 86_400, 604_800, 2_592_000, 31_536_000)


class ScorerMetrics:
    """The metrics of one scorer process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        model = ("model",)
        self.requests = self._counter("requests_total", "Calls answered.", ("method", "code"))
        self.seconds = self._histogram(
            "request_seconds",
            "Time from the request's bytes to the response's bytes: all stages, and what is between them.",
            ("method",),
            SECONDS,
        )
        self.in_flight = self._gauge(
            "in_flight", "Calls that are not answered yet; streams count while they are open.", ()
        )
        self.shed = self._counter(
            "shed_total",
            "Calls for which there was no room: too many at a time (in_flight), more than are answered in time (busy),"
            " no memory for their messages (memory), more than their client may make (rate_limit), or too many tokens"
            " from their address that did not hold (credentials).",
            ("reason",),
        )
        self.unauthenticated = self._counter(
            "unauthenticated_total",
            "Calls that did not prove who makes them: without credentials (none), with a key or a token that does not"
            " hold (key, token), with a token whose time is over (expired), or in hand when what had proven them was"
            " taken back (revoked).",
            ("reason",),
        )
        self.connections = self._gauge("connections", "Open connections, of gRPC and of REST.", ())
        self.connections_refused = self._counter(
            "connections_refused_total",
            "Connections, of gRPC and of REST, that were not taken: there were as many as may be (full), or as many of"
            " their address (address), or the process could open no more files (files).",
            ("reason",),
        )
        self.stage_seconds = self._histogram(
            "stage_seconds",
            "Time of a stage of scoring, of one row or of a batch's rows that are scored together: fetch (the store"
            " answers), turn (of calls that wait for it), finish (windows and vectors), model.",
            ("method", "stage"),
            STAGE_SECONDS,
        )
        self.scores = self._counter("scores_total", "Rows scored.", ("model", "version", "arm", "decision"))
        self.arm_seconds = self._histogram(
            "arm_seconds",
            "Time that an arm takes for a row, or for a batch's rows that are scored together, once their features are"
            " fetched: windows, vectors and model. Of shadows, too.",
            ("model", "arm"),
            STAGE_SECONDS,
        )
        self.row_errors = self._counter(
            "row_errors_total",
            "Rows without a score, by the arm that was to answer. Of batches and streams also those that cannot be"
            " read, which no arm was to answer.",
            ("model", "version", "arm", "code"),
        )
        self.notes = self._counter(
            "notes_total", "Features that were not simply what the window arithmetic gave.", ("reason",)
        )
        self.feature_age = self._histogram(
            "feature_age_seconds", "The instant scored at, minus the entity's newest event.", (), AGE_SECONDS
        )
        self.records = self._counter(
            "records_total",
            "Score records: queued for the broker, dropped because the queue was full, or failed to be delivered.",
            ("outcome",),
        )
        self.score_cache = self._counter(
            "cache_rows_total",
            "Rows that a score of before answered (hit), or not (miss), where the cache is on.",
            ("outcome",),
        )
        self.refused = self._counter(
            "bundles_refused_total",
            "Bundles that the scorer refused to load; the model before goes on serving.",
            model,
        )
        self.refusing = self._gauge(
            "refusing",
            "How much of what a model's files say this process refuses now: bundles that arms point at, the routing."
            " It tries again each minute.",
            model,
        )
        self.model_info = self._gauge(
            "model_info",
            "1 for each version that serves, by the arm of its model that it serves as.",
            ("model", "arm", "version", "digest"),
        )
        self.routing_share = self._gauge(
            "routing_share",
            "Share of the routing keys that an arm is to answer, or as shadow to score too.",
            ("model", "arm"),
        )
        self.shadows = self._counter(
            "shadows_total",
            "Requests that a shadow was to score: scored, dropped because there was no time for them, or failed.",
            ("model", "outcome"),
        )
        self.model_ready = self._gauge("model_ready", "1 while the model can answer: loaded, its views serving.", model)
        self.plan_info = self._gauge(
            "plan_info",
            "Plans that the scorer knows: 1 for the one that serves, 0 for those that come or go.",
            ("plan",),
        )
        self.plans_refused = self._gauge(
            "plans_refused",
            "1 while the process cannot take up the plans in force: those before go on. It tries again each minute.",
            (),
        )
        for outcome in ("queued", "dropped", "failed"):
            self.records.labels(outcome)
        for shed in get_args(Shedding):
            self.shed.labels(shed)
        for doubt in get_args(Doubt):
            self.unauthenticated.labels(doubt)
        for turned in get_args(Turned):
            self.connections_refused.labels(turned)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], bounds: Sequence[float]) -> BatchHistogram:
        return BatchHistogram(f"{PREFIX}_{name}", text, labels, bounds, self.registry)
