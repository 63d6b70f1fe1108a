"""The facade: ``from millstream import Client`` loads grpcio and the stubs alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grpc_api.client import Client
    from grpc_api.client_errors import CallRefusedError, ServerBrokenError, ServerUnavailableError
    from grpc_api.client_types import BatchRow, FeatureNote, FeatureReading, FeatureSet, RowFailure, ScoreResult

__all__ = [
    "BatchRow",
    "CallRefusedError",
    "Client",
    "FeatureNote",
    "FeatureReading",
    "FeatureSet",
    "RowFailure",
    "ScoreResult",
    "ServerBrokenError",
    "ServerUnavailableError",
]


def __getattr__(name: str) -> Any:
    """Import the client once a part of it is asked for."""
    if name in __all__:
        for part in ("client", "client_errors", "client_types"):
            module = import_module(f"grpc_api.{part}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
