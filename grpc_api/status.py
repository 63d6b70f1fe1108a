"""The one table from the families of `features.errors` to the status codes of gRPC.

Callers hear what is theirs to know: the whole message where the fault is their own or a neighbour is down, a fixed
text where something of ours is wrong. The detail of the latter is in the log alone.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final, NamedTuple

from features.errors import (
    BadInputError,
    CorruptError,
    MillstreamError,
    PlanMismatchError,
    RequestError,
    UnavailableError,
)
from grpc_api.refusals import ExhaustedError, NotPermittedError, UnauthenticatedError

PUSHBACK: Final = "grpc-retry-pushback-ms"
"""Milliseconds after which to try again (gRFC A6)."""


class UnknownNameError(RequestError):
    """A request names a model or a feature service that there is not."""


class NotOfferedError(RequestError):
    """A request asks for what this server does not do."""


class MessageTooLargeError(RequestError):
    """A message is larger than is taken; sent again, it is refused again."""


class NotExplainableError(BadInputError):
    """A model of which no exact contributions are known."""

    def __init__(self, model: str) -> None:
        super().__init__(f"model {model}: no exact contributions are known of its kind; ask for the score alone")


class DeadlinePassedError(UnavailableError):
    """The caller's deadline passed before the work was done."""

    def __init__(self) -> None:
        super().__init__("deadline", "passed before the answer was ready")


class CallerGoneError(BadInputError):
    """The caller hung up before its answer was ready."""

    def __init__(self) -> None:
        super().__init__("caller: has hung up; nothing is to be done")


class Code(IntEnum):
    """The codes of gRPC that the scorer answers with."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Status(NamedTuple):
    """What a caller is told about a failure; ``retry_after_s`` where the same call is welcome again by then."""

    code: Code
    message: str
    retry_after_s: float | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What is told beside it in the terms of gRPC, which clients that retry by themselves go by."""
        if self.retry_after_s is None:
            return ()
        return ((PUSHBACK, str(math.ceil(self.retry_after_s * 1e3))),)


class RowFailedError(Exception):
    """One row without which there is no answer; ``status`` is what the row itself was told."""

    def __init__(self, row: int, status: Status) -> None:
        super().__init__(f"row {row}: {status.message}")
        self.row = row
        self.status = status


UNKNOWN: Final = Status(Code.INTERNAL, "the server failed; its log has the detail")

STATUS_OF: Final[tuple[tuple[type[MillstreamError], Code, str | None], ...]] = (
    # The first that fits holds; a text replaces the error's own message.
    (UnknownNameError, Code.NOT_FOUND, None),
    (NotOfferedError, Code.UNIMPLEMENTED, None),
    (NotExplainableError, Code.UNIMPLEMENTED, None),
    (UnauthenticatedError, Code.UNAUTHENTICATED, None),
    (NotPermittedError, Code.PERMISSION_DENIED, None),
    (MessageTooLargeError, Code.RESOURCE_EXHAUSTED, None),
    (ExhaustedError, Code.RESOURCE_EXHAUSTED, None),
    (CallerGoneError, Code.CANCELLED, None),
    (BadInputError, Code.INVALID_ARGUMENT, None),
    (DeadlinePassedError, Code.DEADLINE_EXCEEDED, None),
    (UnavailableError, Code.UNAVAILABLE, None),
    (PlanMismatchError, Code.FAILED_PRECONDITION, "the server and its data were built from different declarations"),
    (CorruptError, Code.DATA_LOSS, "an artefact of the server is corrupt; its log has the detail"),
)


def status_of(error: Exception) -> Status:
    """What to tell the caller about an error."""
    if isinstance(error, RowFailedError):
        return Status(error.status.code, str(error))
    for family, code, text in STATUS_OF:
        if isinstance(error, family):
            return Status(code, text or str(error), getattr(error, "retry_after_s", None))
    return UNKNOWN


def is_ours(status: Status) -> bool:
    """Whether the failure is the server's own, so that its detail belongs in the log."""
    return status.code in {Code.FAILED_PRECONDITION, Code.INTERNAL, Code.DATA_LOSS}
