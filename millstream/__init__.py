"""The facade: ``from millstream import Client`` (or ``AsyncClient``) loads grpcio and the stubs alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grpc_api.async_client import AsyncClient
    from grpc_api.client import Client
    from grpc_api.client_errors import (
        CallRefusedError,
        DeadlineExceededError,
        NotAllowedError,
        ServerBrokenError,
        ServerOverloadedError,
        ServerUnavailableError,
    )
    from grpc_api.client_retries import Retries
    from grpc_api.client_types import (
        BatchRow,
        ClassResult,
        Contribution,
        Explanation,
        FeatureNote,
        FeatureReading,
        FeatureSet,
        ModelInfo,
        ModelInput,
        RowFailure,
        ScoreResult,
        Tls,
    )

__all__ = [
    "AsyncClient",
    "BatchRow",
    "CallRefusedError",
    "ClassResult",
    "Client",
    "Contribution",
    "DeadlineExceededError",
    "Explanation",
    "FeatureNote",
    "FeatureReading",
    "FeatureSet",
    "ModelInfo",
    "ModelInput",
    "NotAllowedError",
    "Retries",
    "RowFailure",
    "ScoreResult",
    "ServerBrokenError",
    "ServerOverloadedError",
    "ServerUnavailableError",
    "Tls",
]


def __getattr__(name: str) -> Any:
    """Import the client once a part of it is asked for."""
    if name in __all__:
        for part in ("client", "async_client", "client_errors", "client_retries", "client_types"):
            module = import_module(f"grpc_api.{part}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
