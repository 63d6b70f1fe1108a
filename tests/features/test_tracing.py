"""Traces: who stands where, and what a collector is sent."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from features.settings import TracingSettings
from features.tracing import Span, TraceParent, Tracer, new_trace, open_tracer, parse_traceparent, trace_of_position
from tests.collector import Collector

IDS = st.integers(1, 2**64 - 1)


@given(st.integers(1, 2**128 - 1), IDS, st.booleans())
def test_a_traceparent_says_what_it_was_made_of(trace_id: int, span_id: int, sampled: bool) -> None:
    """And is as long as W3C has it."""
    parent = TraceParent(trace_id, span_id, sampled)
    assert parse_traceparent(str(parent)) == parent
    assert len(str(parent)) == 55


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
    ],
)
def test_what_is_no_traceparent_is_taken_as_none(text: str) -> None:
    """By the rules of W3C: lower case, no zero, nothing after the flags of version 00."""
    assert parse_traceparent(text) is None


def test_a_later_version_may_say_more() -> None:
    """Its first four parts are read, of the flags the one bit that is known."""
    assert parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-comes") == TraceParent(
        0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
    )


def test_positions_have_traces_of_their_own() -> None:
    """The same wherever it is asked, another for each position."""
    places = [("log", 0, 1), ("log", 0, 11), ("log", 1, 1), ("log2", 0, 1), ("log", 11, 0)]
    found = [trace_of_position(*place) for place in places]
    assert found == [trace_of_position(*place) for place in places]
    assert len({each.trace_id for each in found}) == len({each.span_id for each in found}) == len(places)


def test_a_collector_gets_what_was_told() -> None:
    """Over OTLP: names, instants, the span's own place, its parent, its links, attributes, and an error."""
    parent, at, linked = new_trace(), new_trace(), trace_of_position("log", 2, 7)
    child = parent.child()
    with Collector() as collector:
        tracer = open_tracer(TracingSettings(endpoint=collector.url), "tests")
        assert tracer is not None
        tracer.tell(Span("whole", at, 1_000, 3_000, kind="server", links=[linked], attributes={"rows": 2, "what": "x"}))
        tracer.tell(Span("part", child, 2_000, 2_500, parent=parent, error="UNAVAILABLE"))
        tracer.close()
        whole, part = sorted(collector.spans, key=lambda span: span.began_ns)
    assert (whole.name, whole.service, whole.at, whole.parent) == ("whole", "tests", at, None)
    assert (whole.began_ns, whole.ended_ns, whole.kind) == (1_000, 3_000, "SPAN_KIND_SERVER")
    assert (whole.links, whole.attributes, whole.error) == ([linked], {"rows": 2, "what": "x"}, None)
    assert (part.at, part.parent, part.error) == (child, parent.span_id, "UNAVAILABLE")


def test_tracing_is_off_by_default() -> None:
    """There is no tracer then, and OpenTelemetry is not loaded."""
    look = (
        "import json, sys; from features.settings import TracingSettings; from features.tracing import open_tracer; "
        "off = open_tracer(TracingSettings(), 'x') is None; "
        "print(json.dumps([off, any(name.startswith('opentelemetry') for name in sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, False]


def test_a_sample_of_what_begins_here_is_recorded() -> None:
    """All of it, or none of it."""
    with Collector() as collector:
        for sample in (0.0, 1.0):
            tracer = open_tracer(TracingSettings(endpoint=collector.url, sample=sample), "tests")
            assert tracer is not None
            assert {tracer.begins() for _ in range(100)} == {sample == 1.0}
            tracer.close()


class Stuck(SpanExporter):
    """One whose collector takes nothing, until it is let go."""

    def __init__(self) -> None:
        self.freed = Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.freed.wait()
        return SpanExportResult.FAILURE


def test_a_collector_that_takes_nothing_holds_up_no_end() -> None:
    """What it has not taken within seconds is given up: a process has other things to end in its time."""
    exporter = Stuck()
    tracer = Tracer(exporter, service="tests", sample=1.0)
    tracer.tell(Span("lost", new_trace(), 1, 2))
    begin_s = time.monotonic()
    try:
        tracer.close(0.1)
        assert time.monotonic() - begin_s < 15.0
    finally:
        exporter.freed.set()
