"""What a method may know of the call that it answers, whatever brought the call here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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

    """

    __slots__ = ("cancelled", "certificate", "client", "deadline_s", "metadata", "peer")

    def __init__(
        self, *, deadline_s: float | None = None, metadata: Mapping[str, str] = NO_METADATA, peer: str = ""
    ) -> None:
        self.deadline_s = deadline_s
        self.metadata = metadata
        self.peer = peer
        self.cancelled = False
        self.certificate: str | None = None
        self.client: str | None = None

    def remaining_s(self) -> float | None:
        """Time until the deadline, negative once it has passed; None where there is none."""
        return None if self.deadline_s is None else self.deadline_s - time.monotonic()

    @property
    def is_wanted(self) -> bool:
        """Whether an answer would still be taken."""
        return not self.cancelled and (self.deadline_s is None or self.deadline_s > time.monotonic())
