"""A collector of OpenTelemetry for tests: takes spans over OTLP/HTTP, in its own messages, and keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from features.tracing import TraceParent


class Seen(NamedTuple):
    """A span as it came; ``parent`` is its parent's own number."""

    service: str
    name: str
    kind: str
    at: TraceParent
    parent: int | None
    began_ns: int
    ended_ns: int
    links: list[TraceParent]
    attributes: dict[str, Any]
    error: str | None


class Collector:
    """Listens while the block lasts."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        taken = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/v1/traces"
                taken.extend(seen(request))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def seen(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    """The spans of a request."""
    for group in request.resource_spans:
        service = values(group.resource.attributes)["service.name"]
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield Seen(
                service=service,
                name=span.name,
                kind=trace_pb2.Span.SpanKind.Name(span.kind),
                at=parent_of(span),
                parent=int.from_bytes(span.parent_span_id, "big") or None,
                began_ns=span.start_time_unix_nano,
                ended_ns=span.end_time_unix_nano,
                links=[parent_of(link) for link in span.links],
                attributes=values(span.attributes),
                error=span.status.message if span.status.code == trace_pb2.Status.STATUS_CODE_ERROR else None,
            )


def parent_of(message: Any) -> TraceParent:
    """The place that a span has, or a link points to."""
    return TraceParent(int.from_bytes(message.trace_id, "big"), int.from_bytes(message.span_id, "big"))


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
