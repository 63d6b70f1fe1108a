"""Spans to an OpenTelemetry collector, told once they have ended.

Who traces knows when each part began and ended, and tells it beside the work; nothing is kept in the context of a
thread or task. OpenTelemetry is loaded where tracing is on, and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from features.settings import TracingSettings
from features.tracing.trace_parent import TraceParent

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

Attribute = str | int | float | bool
Kind = Literal["internal", "server", "producer", "consumer"]

MOST_LINKS: Final = 128
"""As many as OpenTelemetry keeps of one span by default."""
SCOPE: Final = "millstream"
CLOSE_S: Final = 5.0


class Span(NamedTuple):
    """What happened from one instant to another, both in nanoseconds since 1970.

    ``at`` is its own place, ``parent`` the span that it is a part of, and ``links`` others that it comes from.
    """

    name: str
    at: TraceParent
    began_ns: int
    ended_ns: int
    kind: Kind = "internal"
    parent: TraceParent | None = None
    links: Sequence[TraceParent] = ()
    attributes: Mapping[str, Attribute] = {}
    error: str | None = None


class Tracer:
    """Takes spans, from any thread, and exports them in batches beside the work.

    Parameters
    ----------
    exporter
        Where they go.
    service
        Which process this is, as ``service.name``.
    sample
        Share of what begins a trace here that is recorded; what goes on with a trace follows that.

    """

    def __init__(self, exporter: SpanExporter, *, service: str, sample: float) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import IdGenerator
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        class GivenIds(IdGenerator):
            """The identifiers that a span was given by who tells it."""

            at: TraceParent

            def generate_span_id(self) -> int:
                return self.at.span_id

            def generate_trace_id(self) -> int:
                return self.at.trace_id

        self._ids = GivenIds()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # whether a span is told was decided when it began
            resource=Resource.create({"service.name": service}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SCOPE)
        self._sample = sample
        self._lock = Lock()

    def begins(self) -> bool:
        """Whether something that begins a trace here is to be recorded."""
        return random.random() < self._sample  # noqa: S311 - a sample, no secret

    def tell(self, span: Span) -> None:
        """Export a span, soon; one too many is dropped rather than waited for."""
        from opentelemetry.trace import Link, SpanKind, Status, StatusCode

        kind, links = SpanKind[span.kind.upper()], [Link(_context(each)) for each in span.links[:MOST_LINKS]]
        with self._lock:
            self._ids.at = span.at
            told = self._tracer.start_span(
                span.name,
                context=_within(span.parent),
                kind=kind,
                attributes=dict(span.attributes),
                links=links,
                start_time=span.began_ns,
            )
        if span.error is not None:
            told.set_status(Status(StatusCode.ERROR, span.error))
        told.end(span.ended_ns)

    def close(self, patience_s: float = CLOSE_S) -> None:
        """Export what is left, as far as the collector takes it in that time."""
        closing = Thread(target=self._provider.shutdown, name="tracer-close", daemon=True)
        closing.start()
        closing.join(patience_s)  # OpenTelemetry's own is half a minute, longer than processes have to end


def open_tracer(settings: TracingSettings, service: str) -> Tracer | None:
    """The tracer of a process; None where tracing is off."""
    if settings.endpoint is None:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=f"{settings.endpoint.rstrip('/')}/v1/traces")
    return Tracer(exporter, service=service, sample=settings.sample)


def _within(parent: TraceParent | None) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    return Context() if parent is None else set_span_in_context(NonRecordingSpan(_context(parent)), Context())


def _context(at: TraceParent) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(at.trace_id, at.span_id, is_remote=True, trace_flags=TraceFlags(int(at.sampled)))
