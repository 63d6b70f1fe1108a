"""Traces, by OpenTelemetry: what a producer, a worker and a scorer did with the same event, joined."""

from features.tracing.trace_parent import (
    HEADER,
    SAMPLED_DIGITS,
    TraceParent,
    new_trace,
    parse_traceparent,
    trace_of_position,
)
from features.tracing.tracer import MOST_LINKS, Attribute, Span, Tracer, open_tracer

__all__ = [
    "HEADER",
    "MOST_LINKS",
    "SAMPLED_DIGITS",
    "Attribute",
    "Span",
    "TraceParent",
    "Tracer",
    "new_trace",
    "open_tracer",
    "parse_traceparent",
    "trace_of_position",
]
