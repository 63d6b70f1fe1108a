"""Metrics and health over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from features.taken_port import listening_as

SETTING: Final = "MILLSTREAM_MONITOR__METRICS_PORT"
Check = Callable[[], bool]

PLAIN = "text/plain; charset=utf-8"


@contextmanager
def serve_health(port: int, *, registry: CollectorRegistry, alive: Check, ready: Check) -> Iterator[int]:
    """Answer ``/metrics``, ``/healthz`` (may it go on?) and ``/readyz`` (does it do its work?) while the block runs.

    Parameters
    ----------
    port
        On all interfaces; 0 takes a free one.
    registry
        What ``/metrics`` shows.
    alive, ready
        Called at each request, in a thread of the server; False answers 503.

    Yields
    ------
    int
        The port that it listens on.

    Raises
    ------
    SettingsError
        It is taken.

    """

    def answer(path: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)
        check = {"/healthz": alive, "/readyz": ready}.get(path)
        if check is None:
            return HTTPStatus.NOT_FOUND, PLAIN, b"there are /metrics, /healthz and /readyz\n"
        return (HTTPStatus.OK, PLAIN, b"ok\n") if check() else (HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, b"no\n")

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a client that connects and says nothing

        def do_GET(self) -> None:
            status, kind, body = answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A scrape each few seconds is no news."""

    with listening_as(SETTING, "", port):
        listener = ThreadingHTTPServer(("", port), Handler)
    with listener as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
