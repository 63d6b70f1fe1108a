"""Metrics and health over HTTP."""

from __future__ import annotations

import http.client
import socket

import pytest
from prometheus_client import CollectorRegistry, Gauge

from features.errors import SettingsError
from monitoring.health_server import serve_health


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(("alive", "ready"), [(True, True), (True, False), (False, False)])
def test_it_answers_what_is_asked(alive: bool, ready: bool) -> None:
    """200 or 503 for health, as it is at that moment; the registry's metrics; 404 for anything else."""
    registry = CollectorRegistry()
    Gauge("millstream_test", "A number.", registry=registry).set(3)
    with serve_health(0, registry=registry, alive=lambda: alive, ready=lambda: ready) as port:
        assert get(port, "/healthz")[0] == (200 if alive else 503)
        assert get(port, "/readyz")[0] == (200 if ready else 503)
        assert "millstream_test 3.0" in get(port, "/metrics")[1]
        assert get(port, "/")[0] == 404
    with pytest.raises(ConnectionRefusedError):
        get(port, "/healthz")


def test_a_port_that_is_taken_is_told() -> None:
    """By the name of its setting."""
    with (
        socket.create_server(("", 0)) as taken,
        pytest.raises(SettingsError, match="MILLSTREAM_MONITOR__METRICS_PORT"),
        serve_health(taken.getsockname()[1], registry=CollectorRegistry(), alive=bool, ready=bool),
    ):
        pass
