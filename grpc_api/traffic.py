"""What a transport has carried, for who looks into it: a count of calls and messages, of a server or a connection."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Protocol


class Traffic:
    """Counts; kept by the loop's own thread, and read by it.

    Attributes
    ----------
    started, succeeded, failed
        Calls: begun, ended with OK, ended otherwise.
    received, sent
        Messages of the calls that have ended.
    last_started_ns, last_received_ns, last_sent_ns
        When the last call began, and when the last ended that had a message and an answer, in nanoseconds since 1970;
        0: never.

    """

    __slots__ = (
        "failed",
        "last_received_ns",
        "last_sent_ns",
        "last_started_ns",
        "received",
        "sent",
        "started",
        "succeeded",
    )

    def __init__(self) -> None:
        self.started = self.succeeded = self.failed = 0
        self.received = self.sent = 0
        self.last_started_ns = self.last_received_ns = self.last_sent_ns = 0

    @classmethod
    def sum(cls, several: Iterable[Traffic]) -> Traffic:
        """All of it together."""
        whole = cls()
        for each in several:
            for name in ("started", "succeeded", "failed", "received", "sent"):
                setattr(whole, name, getattr(whole, name) + getattr(each, name))
            for name in ("last_started_ns", "last_received_ns", "last_sent_ns"):
                setattr(whole, name, max(getattr(whole, name), getattr(each, name)))
        return whole

    def start(self) -> None:
        """A call began."""
        self.started += 1
        self.last_started_ns = time.time_ns()

    def end(self, *, ok: bool, received: int, sent: int) -> None:
        """A call ended that had so many messages."""
        now_ns = time.time_ns()
        if ok:
            self.succeeded += 1
        else:
            self.failed += 1
        if received:
            self.received += received
            self.last_received_ns = now_ns
        if sent:
            self.sent += sent
            self.last_sent_ns = now_ns


class ConnectionView(Protocol):
    """What can be seen of a connection. ``number`` is its own for as long as the process lives, and above 0.

    ``local`` and ``peer`` are addresses as gRPC writes them (``ipv4:127.0.0.1:50051``, ``unix:/run/x``); ``security``
    is the protocol and cipher that protect it, none where nothing does.
    """

    @property
    def number(self) -> int:
        """See above."""
        ...

    @property
    def local(self) -> str:
        """See above."""
        ...

    @property
    def peer(self) -> str:
        """See above."""
        ...

    @property
    def security(self) -> str | None:
        """See above."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What it has carried."""
        ...


class TransportView(Protocol):
    """What can be seen of a transport. ``address`` is where it listens."""

    @property
    def address(self) -> str:
        """See above."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What all its connections have carried, those that are closed among them."""
        ...

    def connections(self) -> Sequence[ConnectionView]:
        """Those that are open."""
        ...
