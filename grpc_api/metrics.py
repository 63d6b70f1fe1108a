"""What the scorer tells Prometheus."""

from __future__ import annotations

from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from features.batch_histogram import BatchHistogram
from grpc_api.http2.door import Turned
from grpc_api.refusals import Doubt, Shedding

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
        self.registry = registry = registry or CollectorRegistry()
        self.requests = Counter(
            "millstream_scorer_requests_total", "Calls answered.", ("method", "code"), registry=registry
        )
        self.seconds = BatchHistogram(
            "millstream_scorer_request_seconds",
            "Time from the request's bytes to the response's bytes: all stages, and what is between them.",
            ("method",),
            SECONDS,
            registry,
        )
        self.in_flight = Gauge(
            "millstream_scorer_in_flight", "Calls that are not answered yet; streams count while they are open.",
            registry=registry,
        )  # fmt: skip
        self.shed = Counter(
            "millstream_scorer_shed_total",
            "Calls for which there was no room: too many at a time (in_flight), more than are answered in time (busy),"
            " no memory for their messages (memory), more than their client may make (rate_limit), or too many tokens"
            " from their address that did not hold (credentials).",
            ("reason",),
            registry=registry,
        )
        self.unauthenticated = Counter(
            "millstream_scorer_unauthenticated_total",
            "Calls that did not prove who makes them: without credentials (none), with a key or a token that does not"
            " hold (key, token), with a token whose time is over (expired), or in hand when what had proven them was"
            " taken back (revoked).",
            ("reason",),
            registry=registry,
        )
        self.connections = Gauge("millstream_scorer_connections", "Open connections of gRPC.", registry=registry)
        self.connections_refused = Counter(
            "millstream_scorer_connections_refused_total",
            "Connections of gRPC that were not taken: there were as many as may be (full), or as many of their address"
            " (address), or the process could open no more files (files).",
            ("reason",),
            registry=registry,
        )
        self.stage_seconds = BatchHistogram(
            "millstream_scorer_stage_seconds",
            "Time of a stage of scoring, of one row or of a batch's rows that are scored together: fetch (the store"
            " answers), turn (of calls that wait for it), finish (windows and vectors), model.",
            ("method", "stage"),
            STAGE_SECONDS,
            registry,
        )
        self.scores = Counter(
            "millstream_scorer_scores_total",
            "Rows scored.",
            ("model", "version", "arm", "decision"),
            registry=registry,
        )
        self.row_errors = Counter(
            "millstream_scorer_row_errors_total", "Rows of batches that got no score.", ("code",), registry=registry
        )
        self.notes = Counter(
            "millstream_scorer_notes_total",
            "Features that were not simply what the window arithmetic gave.",
            ("reason",),
            registry=registry,
        )
        self.feature_age = BatchHistogram(
            "millstream_scorer_feature_age_seconds",
            "The instant scored at, minus the entity's newest event.",
            (),
            AGE_SECONDS,
            registry,
        )
        self.records = Counter(
            "millstream_scorer_records_total",
            "Score records: queued for the broker, dropped because the queue was full, or failed to be delivered.",
            ("outcome",),
            registry=registry,
        )
        self.score_cache = Counter(
            "millstream_scorer_cache_rows_total",
            "Rows that a score of before answered (hit), or not (miss), where the cache is on.",
            ("outcome",),
            registry=registry,
        )
        self.refused = Counter(
            "millstream_scorer_bundles_refused_total",
            "Bundles that the scorer refused to load; the model before goes on serving.",
            ("model",),
            registry=registry,
        )
        self.model_info = Gauge(
            "millstream_scorer_model_info",
            "1 for each version that serves, by the arm of its model that it serves as.",
            ("model", "arm", "version", "digest"),
            registry=registry,
        )
        self.routing_share = Gauge(
            "millstream_scorer_routing_share",
            "Share of the routing keys that an arm is to answer, or as shadow to score too.",
            ("model", "arm"),
            registry=registry,
        )
        self.shadows = Counter(
            "millstream_scorer_shadows_total",
            "Requests that a shadow was to score: scored, dropped because there was no time for them, or failed.",
            ("model", "outcome"),
            registry=registry,
        )
        self.model_ready = Gauge(
            "millstream_scorer_model_ready", "1 while the model can answer: loaded, its views serving.", ("model",),
            registry=registry,
        )  # fmt: skip
        self.plan_info = Gauge(
            "millstream_scorer_plan_info",
            "Plans that the scorer knows: 1 for the one that serves, 0 for those that come or go.",
            ("plan",),
            registry=registry,
        )
        for outcome in ("queued", "dropped", "failed"):
            self.records.labels(outcome)
        for shed in get_args(Shedding):
            self.shed.labels(shed)
        for doubt in get_args(Doubt):
            self.unauthenticated.labels(doubt)
        for turned in get_args(Turned):
            self.connections_refused.labels(turned)
