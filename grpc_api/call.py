"""What a method may know of the call that it answers, whatever brought the call here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from features.tracing import HEADER, parse_traceparent
from grpc_api.status import DeadlinePassedError, Status

if TYPE_CHECKING:
    from grpc_api.call_trace import CallTrace

NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


class Call:
    """One call. The transport makes it, the gate fills in who calls.

    Attributes
    ----------
    deadline_s
        Instant of the monotonic clock by which the caller wants the answer; None: whenever it is ready.
    metadata
        What came with the call, by lower-case name.
    peer
        Address of the caller, for the log.
    cancelled
        Whether nobody waits for the answer any more; a transport that learns of it says so.
    certificate
        Whom the certificate names that the caller has shown (mTLS); None where callers show none.
    client
        Who calls, where callers prove who they are.
    request_id
        How the caller knows the request, once that is read; for the log.
    trace
        What is recorded of the call, where its trace is.
    told
        What the transport has told the caller, where it has ended the call before its method had.

    """

    __slots__ = (
        "cancelled",
        "certificate",
        "client",
        "deadline_s",
        "metadata",
        "peer",
        "request_id",
        "told",
        "trace",
    )

    def __init__(
        self, *, deadline_s: float | None = None, metadata: Mapping[str, str] = NO_METADATA, peer: str = ""
    ) -> None:
        self.deadline_s = deadline_s
        self.metadata = metadata
        self.peer = peer
        self.cancelled = False
        self.certificate: str | None = None
        self.client: str | None = None
        self.request_id: str | None = None
        self.trace: CallTrace | None = None
        self.told: Status | None = None

    def remaining_s(self) -> float | None:
        """Time until the deadline, negative once it has passed; None where there is none."""
        return None if self.deadline_s is None else self.deadline_s - time.monotonic()

    def names(self) -> dict[str, str]:
        """What the log calls it by: the request, the trace and the caller, as far as they are known."""
        parent = parse_traceparent(self.metadata.get(HEADER, ""))
        trace_id = self.trace.at.trace_id if self.trace is not None else parent.trace_id if parent is not None else None
        known = {
            "request_id": self.request_id,
            "trace_id": None if trace_id is None else f"{trace_id:032x}",
            "client": self.client,
            "peer": self.peer or None,
        }
        return {name: value for name, value in known.items() if value is not None}

    @property
    def is_wanted(self) -> bool:
        """Whether an answer would still be taken."""
        return not self.cancelled and (self.deadline_s is None or self.deadline_s > time.monotonic())

    def require_wanted(self) -> None:
        """Raise DeadlinePassedError where nobody waits for the answer any more."""
        if not self.is_wanted:
            raise DeadlinePassedError
