"""The errors of the client, in the families of `features.errors`, so that callers tell apart what may be retried.

::

    BadInputError
    └── CallRefusedError            the request is wrong, or asks for what there is not
        └── NotAllowedError         the caller is unknown to the server, or may not do this
    UnavailableError
    └── ServerUnavailableError      the server, or the store behind it, did not answer
        ├── DeadlineExceededError   not within the deadline
        └── ServerOverloadedError   the server refuses work that it could not do in time, or the client's rate
    CorruptError
    └── ServerBrokenError           the server failed by a fault of its own
"""

from __future__ import annotations

from typing import Any, Final

import grpc

from features.errors import BadInputError, CorruptError, UnavailableError

Code = grpc.StatusCode


class CallRefusedError(BadInputError):
    """The server says that the request is wrong; asking again will not help."""


class NotAllowedError(CallRefusedError):
    """The server does not know the caller, or does not let him do this."""


class ServerUnavailableError(UnavailableError):
    """The server, or the store behind it, did not answer in time; the same call may succeed later."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"scorer at {address}", problem)


class DeadlineExceededError(ServerUnavailableError):
    """The answer was not there within the deadline; whether the server did the work is not known."""


class ServerOverloadedError(ServerUnavailableError):
    """The server sheds load, or the caller exceeds his rate: come back later, and with less."""


class ServerBrokenError(CorruptError):
    """The server failed by a fault of its own; its log has the detail."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"scorer at {address}", problem)


_REFUSALS: Final[dict[grpc.StatusCode, type[CallRefusedError]]] = {
    Code.INVALID_ARGUMENT: CallRefusedError,
    Code.NOT_FOUND: CallRefusedError,
    Code.OUT_OF_RANGE: CallRefusedError,
    Code.UNIMPLEMENTED: CallRefusedError,
    Code.UNAUTHENTICATED: NotAllowedError,
    Code.PERMISSION_DENIED: NotAllowedError,
}
_FAILURES: Final[dict[grpc.StatusCode, type[ServerUnavailableError]]] = {
    Code.CANCELLED: ServerUnavailableError,
    Code.DEADLINE_EXCEEDED: DeadlineExceededError,
    Code.RESOURCE_EXHAUSTED: ServerOverloadedError,
    Code.UNAVAILABLE: ServerUnavailableError,
}


def to_error(address: str, error: Any) -> Exception:
    """The client's error for a failed call."""
    code = error.code()
    text = f"{error.details() or 'no details'} ({code.name})"
    if code in _REFUSALS:
        return _REFUSALS[code](text)
    return _FAILURES.get(code, ServerBrokenError)(address, text)
