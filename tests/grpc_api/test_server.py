"""What a scorer process does before it answers."""

from __future__ import annotations

import socket

import pytest

from features.errors import SettingsError
from features.settings import ScorerSettings
from grpc_api.metrics import ScorerMetrics
from grpc_api.server import serve_metrics


def test_a_metrics_port_that_is_taken_is_told() -> None:
    """By the name of its setting: a second scorer on a machine has another gRPC port, and meets this one first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ScorerSettings(metrics_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="MILLSTREAM_SCORER__METRICS_PORT"):
            serve_metrics(settings, ScorerMetrics())
