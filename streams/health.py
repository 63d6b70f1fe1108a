"""The worker's HTTP pages: alive, ready, positions, metrics. A thread of its own, so that a busy loop still answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from features.taken_port import listening_as
from streams.assignment import Assignment, Lane
from streams.metrics import WorkerMetrics
from streams.watermarks import Watermark, Watermarks

SETTING: Final = "MILLSTREAM_WORKER__METRICS_PORT"
JSON = "application/json"


class Answer(msgspec.Struct, frozen=True):
    """One page."""

    status: HTTPStatus
    content_type: str
    body: bytes


class HealthServer:
    """Serves pages by path until stopped; ``port`` is the one found when 0 was asked for.

    Making one raises SettingsError when the port is taken.
    """

    def __init__(self, pages: Mapping[str, Callable[[], Answer]], *, port: int, host: str = "127.0.0.1") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path.partition("?")[0])
                answer = page() if page else Answer(HTTPStatus.NOT_FOUND, JSON, b'{"error":"no such page"}')
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                """Probes are not logged."""

        with listening_as(SETTING, host, port):
            self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    def start(self) -> None:
        """Serve from a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and free the port."""
        self._server.shutdown()
        self._server.server_close()


def worker_pages(lanes: Assignment, metrics: WorkerMetrics, watermarks: Watermarks) -> dict[str, Callable[[], Answer]]:
    """Alive as long as it answers; ready when every assigned partition is read; positions per partition."""

    def ready() -> Answer:
        problems = lanes.problems()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return Answer(status, JSON, msgspec.json.encode({"ready": not problems, "problems": problems}))

    def page() -> Answer:
        show_lanes(lanes, metrics, watermarks)
        return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, metrics_page(metrics.registry))

    def where() -> Answer:
        return Answer(HTTPStatus.OK, JSON, msgspec.json.encode({"partitions": positions(lanes, watermarks)}))

    return {
        "/healthz": lambda: Answer(HTTPStatus.OK, JSON, b'{"alive":true}'),
        "/readyz": ready,
        "/positions": where,
        "/metrics": page,
    }


def positions(lanes: Assignment, watermarks: Watermarks) -> list[dict[str, object]]:
    """Each assigned partition: log, state, next offset to apply, next one after a restart, end, event time's lag."""
    return [
        {
            "topic": lane.topic,
            "partition": lane.partition,
            "log": lane.log,
            "state": lane.state,
            "applied": lane.applied,
            "committed": lane.committed,
            "end": lane.end,
            "watermark_lag_us": None if (mark := _watermark(lane, watermarks)) is None else mark.lag_us,
            "problem": lane.problem,
        }
        for lane in list(lanes.lanes.values())
    ]


def show_lanes(lanes: Assignment, metrics: WorkerMetrics, watermarks: Watermarks) -> None:
    """Set the gauges that are read off the lanes, those of revoked partitions removed."""
    shown = (metrics.applied, metrics.committed, metrics.lag, metrics.idle, metrics.watermark, metrics.watermark_lag)
    for gauge in shown:
        gauge.clear()
    for lane in list(lanes.lanes.values()):
        at = (lane.topic, str(lane.partition))
        mark = _watermark(lane, watermarks)
        values = (
            *(lane.applied, lane.committed, lane.behind),
            None if lane.behind is None else lane.behind == 0,
            None if mark is None else mark.newest_us / 1e6,
            None if mark is None else mark.lag_us / 1e6,
        )
        for gauge, value in zip(shown, values, strict=True):
            if value is not None:
                gauge.labels(*at).set(value)
    metrics.ready.set(not lanes.problems())


def _watermark(lane: Lane, watermarks: Watermarks) -> Watermark | None:
    return watermarks.of(lane.topic, lane.log, lane.partition)


def metrics_page(registry: CollectorRegistry) -> bytes:
    """Prometheus' text."""
    return generate_latest(registry)
