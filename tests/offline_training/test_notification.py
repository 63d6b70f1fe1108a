"""The webhook: told in Slack's shape, and never in the way of what it tells of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import msgspec
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from features.settings import ApprovalSettings
from offline_training.notification import open_notify


class Hook(HTTPServer):
    """A webhook that keeps what it is told, and answers with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.told: list[tuple[str, bytes]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/SECRET"


class _Answering(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook that is up."""
    with Hook() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def tell(url: str, timeout_s: float = 5.0) -> list[str]:
    """Tell it something; what is said in the log of what went wrong."""
    settings = ApprovalSettings(webhook=SecretStr(url), webhook_timeout_s=timeout_s)
    with capture_logs() as logs:
        open_notify(settings)("churn 3 waits for review")
    assert "SECRET" not in str(logs)
    assert {log["event"] for log in logs} <= {"webhook_failed"}
    return [log["problem"] for log in logs]


def test_people_are_told_in_slacks_shape(hook: Hook) -> None:
    """JSON with a text."""
    assert tell(hook.url) == []
    ((kind, body),) = hook.told
    assert kind == "application/json"
    assert msgspec.json.decode(body) == {"text": "churn 3 waits for review"}


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_a_webhook_that_refuses_is_logged_and_nothing_more(hook: Hook, status: int) -> None:
    """It is not followed elsewhere, either: what is for one address is sent to no other."""
    hook.status = status
    assert tell(hook.url) == [f"answered {status}"]
    assert len(hook.told) == 1


def test_a_webhook_that_is_not_there_is_logged(hook: Hook) -> None:
    """With the kind of the error, and without the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert tell(f"http://127.0.0.1:{port}/services/SECRET") == ["URLError"]


def test_a_webhook_that_goes_on_for_ever_costs_its_time_limit() -> None:
    """Though something comes within the limit again and again, so that no single read is late."""
    told, over = Event(), Event()

    def dribble(server: socket.socket) -> None:
        connection, _ = server.accept()
        told.set()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.02):
                connection.sendall(b"X-More: 1\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = Thread(target=dribble, args=(server,))
        answering.start()
        try:
            assert tell(f"http://127.0.0.1:{server.getsockname()[1]}/services/SECRET", timeout_s=0.5) == [
                "no answer within 0.5 s"
            ]
            assert told.wait(30.0)
        finally:
            over.set()
            answering.join()


def test_without_a_webhook_nobody_is_told() -> None:
    """And nothing is logged."""
    with capture_logs() as logs:
        open_notify(ApprovalSettings())("churn 3 waits for review")
    assert logs == []
