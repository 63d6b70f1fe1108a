"""The facade: ``from millstream import Client`` loads grpcio and the stubs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grpc_api.client import Client, FeatureNote, FeatureReading, FeatureSet, RowFailure, ScoreResult

__all__ = ["Client", "FeatureNote", "FeatureReading", "FeatureSet", "RowFailure", "ScoreResult"]


def __getattr__(name: str) -> Any:
    """Import the client once it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from grpc_api import client

    return getattr(client, name)
