"""The errors of the client, in the families of `features.errors`, so that callers tell apart what may be retried."""

from __future__ import annotations

from typing import Any, Final

import grpc

from features.errors import BadInputError, CorruptError, UnavailableError

REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
OUTAGES: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)


class CallRefusedError(BadInputError):
    """The server says that the request is wrong; asking again will not help."""


class ServerUnavailableError(UnavailableError):
    """The server, or the store behind it, did not answer in time; the same call may succeed later."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"scorer at {address}", problem)


class ServerBrokenError(CorruptError):
    """The server failed by a fault of its own; its log has the detail."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"scorer at {address}", problem)


def to_error(address: str, error: Any) -> Exception:
    """The client's error for a failed call."""
    code, details = error.code(), error.details() or "no details"
    text = f"{details} ({code.name})"
    if code in REFUSALS:
        return CallRefusedError(text)
    if code in OUTAGES:
        return ServerUnavailableError(address, text)
    return ServerBrokenError(address, text)
